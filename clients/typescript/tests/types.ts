// What a program sees of the client holds no `any`: the compiler checks it, and nothing runs.
import type {
  ApiError,
  ChatClient,
  ChatClientOptions,
  StreamedEvent,
} from "chat-and-message-client";

type IsAny<Type> = 0 extends 1 & Type ? true : false;

/** Whether there is an `any` in a type, or in what it is made of, as far as it is ours. */
type HasAny<Type> =
  IsAny<Type> extends true
    ? true
    : Type extends string | AbortSignal | Response | typeof fetch
      ? false
      : Type extends (...args: infer Args) => infer Result
        ? HasAny<Args[number]> | HasAny<Result>
        : Type extends Promise<infer Result> | AsyncIterable<infer Result> | Iterable<infer Result>
          ? HasAny<Result>
          : Type extends object
            ? { [Key in keyof Type]-?: HasAny<Type[Key]> }[keyof Type]
            : false;

type Seen = [Omit<ChatClient, "client">, ChatClientOptions, ApiError, StreamedEvent];

type Found<Type> = true extends HasAny<Type> ? "any" : "none";

export const seen: Found<Seen[number]> = "none";
export const wouldBeSeen: Found<() => Promise<{ text: string; metadata: any }>> = "any";
