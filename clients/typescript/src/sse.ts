/** An event of a stream; `id` is the last one that the stream gave, here or before. */
export interface ServerSentEvent {
  type: string;
  data: string;
  id: string;
}

/** Reads a stream of Server-Sent Events (HTML Standard, section 9.2.6), however it is cut up. */
export class EventParser {
  readonly #decoder = new TextDecoder(); // It drops a byte order mark.
  #rest = "";
  #endedByReturn = false;
  #type = "";
  #data: string[] = [];
  #id = "";

  /** Takes the next bytes; returns the events that they complete, in order. */
  take(bytes: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    for (const line of this.#lines(this.#decoder.decode(bytes, { stream: true }))) {
      if (line !== "") this.#read(line);
      else events.push(...this.#complete());
    }
    return events;
  }

  #lines(text: string): string[] {
    if (text === "") return [];
    // A line feed that follows a carriage return belongs to it, even if it comes much later.
    const next = this.#endedByReturn && text.startsWith("\n") ? text.slice(1) : text;
    this.#endedByReturn = text.endsWith("\r");
    const lines = (this.#rest + next).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? "";
    return lines;
  }

  #read(line: string): void {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "event") this.#type = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
  }

  #complete(): ServerSentEvent[] {
    const event = { type: this.#type || "message", data: this.#data.join("\n"), id: this.#id };
    const hasData = this.#data.length > 0;
    this.#type = "";
    this.#data = [];
    return hasData ? [event] : [];
  }
}
