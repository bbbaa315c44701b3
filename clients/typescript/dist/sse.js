/** Reads a stream of Server-Sent Events (HTML Standard, section 9.2.6), however it is cut up. */
export class EventParser {
    #decoder = new TextDecoder(); // It drops a byte order mark.
    #rest = "";
    #endedByReturn = false;
    #type = "";
    #data = [];
    #id = "";
    /** Takes the next bytes; returns the events that they complete, in order. */
    take(bytes) {
        const events = [];
        for (const line of this.#lines(this.#decoder.decode(bytes, { stream: true }))) {
            if (line !== "")
                this.#read(line);
            else
                events.push(...this.#complete());
        }
        return events;
    }
    #lines(text) {
        if (text === "")
            return [];
        // A line feed that follows a carriage return belongs to it, even if it comes much later.
        const next = this.#endedByReturn && text.startsWith("\n") ? text.slice(1) : text;
        this.#endedByReturn = text.endsWith("\r");
        const lines = (this.#rest + next).split(/\r\n|\r|\n/);
        this.#rest = lines.pop() ?? "";
        return lines;
    }
    #read(line) {
        const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
        if (name === "event")
            this.#type = value;
        else if (name === "data")
            this.#data.push(value);
        else if (name === "id" && !value.includes("\0"))
            this.#id = value;
    }
    #complete() {
        const event = { type: this.#type || "message", data: this.#data.join("\n"), id: this.#id };
        const hasData = this.#data.length > 0;
        this.#type = "";
        this.#data = [];
        return hasData ? [event] : [];
    }
}
