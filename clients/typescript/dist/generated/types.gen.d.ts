export type ClientOptions = {
    baseUrl: `${string}://${string}` | (string & {});
};
/**
 * A key by which a server calls the service.
 */
export type ApiKey = {
    /**
     * Identifies the key.
     */
    id: number;
    /**
     * Whose the key is: the log names its calls so. White space around it is trimmed; at least one visible character must remain, in one line without control characters.
     */
    name: string;
    /**
     * What the key allows: `read`; `write`, which implies it; `admin`, which implies both.
     */
    scopes: Array<'read' | 'write' | 'admin'>;
    /**
     * When the key was made.
     */
    created_at: string;
    /**
     * From when on it is no longer valid, if ever.
     */
    expires_at?: string;
    /**
     * When it was revoked, if it was.
     */
    revoked_at?: string;
    /**
     * The minute of its latest use, if any; it is told a minute later.
     */
    last_used_at?: string;
};
/**
 * A key to make.
 */
export type ApiKeyCreate = {
    /**
     * Whose the key is: the log names its calls so. White space around it is trimmed; at least one visible character must remain, in one line without control characters.
     */
    name: string;
    /**
     * What the key allows: `read`; `write`, which implies it; `admin`, which implies both.
     */
    scopes: Array<'read' | 'write' | 'admin'>;
    /**
     * After how many seconds it is no longer valid. Without it, it stays so.
     */
    expires_in?: number;
};
/**
 * A message to send among others.
 */
export type BatchedMessage = {
    /**
     * What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
     */
    text: string;
    /**
     * What only the client knows of the message.
     */
    metadata?: Metadata;
    /**
     * Who says it, if anyone. It holds at least one visible character, and no NUL.
     */
    author?: string;
    /**
     * Makes sending it again safe, as the header of that name does for one message.
     */
    idempotency_key?: string;
};
/**
 * The stream ends, as each does after a while: come back with the last id.
 */
export type ByeEvent = {
    /**
     * The kind of the event.
     */
    event: 'bye';
};
/**
 * A message that was created, edited or deleted.
 */
export type Change = {
    /**
     * The chat's revision that the change made.
     */
    revision: number;
    /**
     * The message that changed.
     */
    message_id: number;
    /**
     * The message as it is now; left out when it was deleted.
     */
    message?: Message;
};
/**
 * A message was sent, edited or deleted.
 */
export type ChangeEvent = {
    /**
     * The kind of the event.
     */
    event: 'change';
    /**
     * The chat.
     */
    chat_id: number;
    /**
     * The chat's revision that the change made.
     */
    revision: number;
    /**
     * The message that changed.
     */
    message_id: number;
    /**
     * The message as it is now; left out when it was deleted.
     */
    message?: Message;
};
/**
 * What changed in a chat, in the order of the changes.
 */
export type Changes = {
    /**
     * The changes, each message once: as its latest change left it.
     */
    changes: Array<Change>;
    /**
     * The revision to ask from next.
     */
    next_since: number;
    /**
     * Whether there is more to ask for right now.
     */
    more: boolean;
};
/**
 * A chat.
 */
export type Chat = {
    /**
     * Identifies the chat.
     */
    id: number;
    /**
     * What the chat is called. White space around it is trimmed; at least one visible character must remain, in one line without control characters.
     */
    title: string;
    /**
     * When the chat was created, by the database's clock, in UTC (RFC 3339).
     */
    created_at: string;
    /**
     * What only the client knows of the chat.
     */
    metadata?: Metadata;
};
/**
 * A chat to create.
 */
export type ChatCreate = {
    /**
     * What the chat is called. White space around it is trimmed; at least one visible character must remain, in one line without control characters.
     */
    title: string;
    /**
     * What only the client knows of the chat.
     */
    metadata?: Metadata;
};
/**
 * What can be changed of a chat.
 */
export type ChatUpdate = {
    /**
     * What the chat is called. White space around it is trimmed; at least one visible character must remain, in one line without control characters.
     */
    title?: string;
    /**
     * What only the client knows of the chat.
     */
    metadata?: Metadata;
};
/**
 * A chat and the newest of its messages.
 */
export type ChatWithMessages = {
    /**
     * Identifies the chat.
     */
    id: number;
    /**
     * What the chat is called. White space around it is trimmed; at least one visible character must remain, in one line without control characters.
     */
    title: string;
    /**
     * When the chat was created, by the database's clock, in UTC (RFC 3339).
     */
    created_at: string;
    /**
     * What only the client knows of the chat.
     */
    metadata?: Metadata;
    /**
     * The newest messages of the chat, oldest first.
     */
    messages: Array<Message>;
};
/**
 * A key that was just made.
 */
export type CreatedApiKey = {
    /**
     * Identifies the key.
     */
    id: number;
    /**
     * Whose the key is: the log names its calls so. White space around it is trimmed; at least one visible character must remain, in one line without control characters.
     */
    name: string;
    /**
     * What the key allows: `read`; `write`, which implies it; `admin`, which implies both.
     */
    scopes: Array<'read' | 'write' | 'admin'>;
    /**
     * When the key was made.
     */
    created_at: string;
    /**
     * From when on it is no longer valid, if ever.
     */
    expires_at?: string;
    /**
     * When it was revoked, if it was.
     */
    revoked_at?: string;
    /**
     * The minute of its latest use, if any; it is told a minute later.
     */
    last_used_at?: string;
    /**
     * The key itself, shown this once.
     */
    key: string;
};
/**
 * One thing that is wrong with a request.
 */
export type FieldError = {
    /**
     * Where it is: the part of the request, then the field or parameter.
     */
    location: string;
    /**
     * What is wrong, for programs.
     */
    code: string;
    /**
     * What is wrong, for people.
     */
    detail: string;
};
/**
 * The chat was deleted, or there never was one.
 */
export type GoneEvent = {
    /**
     * The kind of the event.
     */
    event: 'gone';
    /**
     * The chat.
     */
    chat_id: number;
};
/**
 * The service works.
 */
export type Health = {
    /**
     * Always `ok`.
     */
    status: string;
};
/**
 * A chat in a list and, where that is by activity, the newest of its messages.
 */
export type ListedChat = {
    /**
     * Identifies the chat.
     */
    id: number;
    /**
     * What the chat is called. White space around it is trimmed; at least one visible character must remain, in one line without control characters.
     */
    title: string;
    /**
     * When the chat was created, by the database's clock, in UTC (RFC 3339).
     */
    created_at: string;
    /**
     * What only the client knows of the chat.
     */
    metadata?: Metadata;
    /**
     * The newest message of the chat, in a list by activity; left out when there is none.
     */
    last_message?: Message;
};
/**
 * What an event of a stream tells.
 */
export type LiveEvent = ({
    event: 'ready';
} & ReadyEvent) | ({
    event: 'change';
} & ChangeEvent) | ({
    event: 'reset';
} & ResetEvent) | ({
    event: 'gone';
} & GoneEvent) | ({
    event: 'bye';
} & ByeEvent);
/**
 * A message in a chat.
 */
export type Message = {
    /**
     * Identifies the message among those of all chats; a later message has a larger id.
     */
    id: number;
    /**
     * The chat that the message is in.
     */
    chat_id: number;
    /**
     * What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
     */
    text: string;
    /**
     * When the message was created, by the database's clock, in UTC (RFC 3339).
     */
    created_at: string;
    /**
     * Who says it, if anyone. It holds at least one visible character, and no NUL.
     */
    author?: string;
    /**
     * When the text was last changed, if ever.
     */
    edited_at?: string;
    /**
     * What only the client knows of the message.
     */
    metadata?: Metadata;
};
/**
 * A message to send.
 */
export type MessageCreate = {
    /**
     * What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
     */
    text: string;
    /**
     * What only the client knows of the message.
     */
    metadata?: Metadata;
    /**
     * Who says it, if anyone. It holds at least one visible character, and no NUL.
     */
    author?: string;
};
/**
 * What can be changed of a message.
 */
export type MessageUpdate = {
    /**
     * What is said, kept exactly as sent. It holds at least one visible character, and no NUL.
     */
    text?: string;
    /**
     * What only the client knows of the message.
     */
    metadata?: Metadata;
};
/**
 * A JSON object of at most 4096 bytes as compact JSON, also with its numbers written without exponents; at most 8 levels deep, with keys of 1 to 64 characters, without NUL. Numbers have no more range and digits than a double; send others as strings. The order of keys is not kept, of equal keys the last counts, and an empty object is none.
 */
export type Metadata = {
    [key: string]: unknown;
};
/**
 * A token that was just made.
 */
export type NewToken = {
    /**
     * The token (a JWT, RFC 7519).
     */
    token: string;
    /**
     * From when on it is no longer valid.
     */
    expires_at: string;
};
/**
 * What went wrong (RFC 9457).
 */
export type ProblemDetails = {
    /**
     * Identifies the kind of problem; branch on this.
     */
    type: string;
    /**
     * The kind of problem, in words.
     */
    title: string;
    /**
     * The HTTP status.
     */
    status: number;
    /**
     * What happened this time.
     */
    detail: string;
    /**
     * Names this request in the service's log; also in `X-Request-ID`.
     */
    request_id: string;
    /**
     * What is wrong where, when the request is not valid: the first of it.
     */
    errors?: Array<FieldError>;
};
/**
 * From here on, everything that changes in the chat comes.
 */
export type ReadyEvent = {
    /**
     * The kind of the event.
     */
    event: 'ready';
    /**
     * The chat.
     */
    chat_id: number;
    /**
     * The revision after which the changes come.
     */
    revision: number;
};
/**
 * The chat is at a lower revision than the reader, as after a restore: read it anew.
 */
export type ResetEvent = {
    /**
     * The kind of the event.
     */
    event: 'reset';
    /**
     * The chat.
     */
    chat_id: number;
    /**
     * The revision after which the changes come now.
     */
    revision: number;
};
/**
 * What this service is, and where to go on.
 */
export type Service = {
    /**
     * What it is called.
     */
    name: string;
    /**
     * Its version (semver.org).
     */
    version: string;
    /**
     * Where to go on, as paths.
     */
    links: {
        [key: string]: string;
    };
};
/**
 * A token to make.
 */
export type TokenCreate = {
    /**
     * Whose the token is: what is sent with it has this author.
     */
    author: string;
    /**
     * The chats that it reaches: a list of up to 100 ids, or `*` for all.
     */
    chats: unknown;
    /**
     * What it allows, with spaces between (RFC 8693, section 4.2): `read`, `send`.
     */
    scope: string;
    /**
     * After how many seconds it is no longer valid.
     */
    expires_in?: number;
};
export type ListChatsData = {
    body?: never;
    path?: never;
    query?: {
        /**
         * How many to return at most.
         */
        limit?: number;
        /**
         * Only chats whose metadata contains this: a JSON object, whose fields they have with these values, besides others.
         */
        metadata?: string;
        /**
         * By which the newest come first: when each chat was created, or last sent to.
         */
        sort?: 'created' | 'activity';
        /**
         * The page that ends before this id.
         */
        before?: number;
        /**
         * The page that begins after this id.
         */
        after?: number;
        /**
         * Of a list by activity the page that `Link` leads to; its form may change.
         */
        cursor?: string;
    };
    url: '/api/v1/chats';
};
export type ListChatsErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ListChatsError = ListChatsErrors[keyof ListChatsErrors];
export type ListChatsResponses = {
    /**
     * The chats.
     */
    200: Array<ListedChat>;
};
export type ListChatsResponse = ListChatsResponses[keyof ListChatsResponses];
export type CreateChatData = {
    body: ChatCreate;
    headers?: {
        /**
         * A name that the client makes up for this request: 1 to 255 visible ASCII characters. A request that comes again with it is answered as the first time, and stores nothing.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/api/v1/chats';
};
export type CreateChatErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * The request body is too large.
     */
    413: ProblemDetails;
    /**
     * The request body is not plain JSON.
     */
    415: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type CreateChatError = CreateChatErrors[keyof CreateChatErrors];
export type CreateChatResponses = {
    /**
     * The chat.
     */
    201: Chat;
};
export type CreateChatResponse = CreateChatResponses[keyof CreateChatResponses];
export type DeleteChatData = {
    body?: never;
    headers?: {
        /**
         * Only if the ETag is still one of these; else 412.
         */
        'If-Match'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
    };
    query?: never;
    url: '/api/v1/chats/{chat_id}';
};
export type DeleteChatErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * It has changed meanwhile.
     */
    412: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type DeleteChatError = DeleteChatErrors[keyof DeleteChatErrors];
export type DeleteChatResponses = {
    /**
     * The chat is gone.
     */
    204: void;
};
export type DeleteChatResponse = DeleteChatResponses[keyof DeleteChatResponses];
export type ReadChatData = {
    body?: never;
    headers?: {
        /**
         * Only if the ETag is none of these; else 304.
         */
        'If-None-Match'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
    };
    query?: {
        /**
         * How many to return at most.
         */
        limit?: number;
    };
    url: '/api/v1/chats/{chat_id}';
};
export type ReadChatErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ReadChatError = ReadChatErrors[keyof ReadChatErrors];
export type ReadChatResponses = {
    /**
     * The chat with its newest messages.
     */
    200: ChatWithMessages;
};
export type ReadChatResponse = ReadChatResponses[keyof ReadChatResponses];
export type UpdateChatData = {
    body: ChatUpdate;
    headers?: {
        /**
         * Only if the ETag is still one of these; else 412.
         */
        'If-Match'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
    };
    query?: never;
    url: '/api/v1/chats/{chat_id}';
};
export type UpdateChatErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * It has changed meanwhile.
     */
    412: ProblemDetails;
    /**
     * The request body is too large.
     */
    413: ProblemDetails;
    /**
     * The request body is not plain JSON.
     */
    415: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type UpdateChatError = UpdateChatErrors[keyof UpdateChatErrors];
export type UpdateChatResponses = {
    /**
     * The chat, renamed.
     */
    200: Chat;
};
export type UpdateChatResponse = UpdateChatResponses[keyof UpdateChatResponses];
export type ReadChangesData = {
    body?: never;
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
    };
    query?: {
        /**
         * The revision that the client has got to; 0 for none.
         */
        since?: number;
        /**
         * How many to return at most.
         */
        limit?: number;
    };
    url: '/api/v1/chats/{chat_id}/changes';
};
export type ReadChangesErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ReadChangesError = ReadChangesErrors[keyof ReadChangesErrors];
export type ReadChangesResponses = {
    /**
     * The changes.
     */
    200: Changes;
};
export type ReadChangesResponse = ReadChangesResponses[keyof ReadChangesResponses];
export type ListChatMessagesData = {
    body?: never;
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
    };
    query?: {
        /**
         * How many to return at most.
         */
        limit?: number;
        /**
         * The page that ends before this id.
         */
        before?: number;
        /**
         * The page that begins after this id.
         */
        after?: number;
        /**
         * The page with this id, or its place, in the middle.
         */
        around?: number;
    };
    url: '/api/v1/chats/{chat_id}/messages';
};
export type ListChatMessagesErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ListChatMessagesError = ListChatMessagesErrors[keyof ListChatMessagesErrors];
export type ListChatMessagesResponses = {
    /**
     * The messages.
     */
    200: Array<Message>;
};
export type ListChatMessagesResponse = ListChatMessagesResponses[keyof ListChatMessagesResponses];
export type CreateMessageData = {
    body: MessageCreate;
    headers?: {
        /**
         * A name that the client makes up for this request: 1 to 255 visible ASCII characters. A request that comes again with it is answered as the first time, and stores nothing.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
    };
    query?: never;
    url: '/api/v1/chats/{chat_id}/messages';
};
export type CreateMessageErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request body is too large.
     */
    413: ProblemDetails;
    /**
     * The request body is not plain JSON.
     */
    415: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type CreateMessageError = CreateMessageErrors[keyof CreateMessageErrors];
export type CreateMessageResponses = {
    /**
     * The message.
     */
    201: Message;
};
export type CreateMessageResponse = CreateMessageResponses[keyof CreateMessageResponses];
export type CreateMessagesData = {
    /**
     * The messages, in the order to send them.
     */
    body: Array<BatchedMessage>;
    headers?: {
        /**
         * A name that the client makes up for this request: 1 to 255 visible ASCII characters. A request that comes again with it is answered as the first time, and stores nothing.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
    };
    query?: never;
    url: '/api/v1/chats/{chat_id}/messages/batch';
};
export type CreateMessagesErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request body is too large.
     */
    413: ProblemDetails;
    /**
     * The request body is not plain JSON.
     */
    415: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type CreateMessagesError = CreateMessagesErrors[keyof CreateMessagesErrors];
export type CreateMessagesResponses = {
    /**
     * The messages, in the order given.
     */
    201: Array<Message>;
};
export type CreateMessagesResponse = CreateMessagesResponses[keyof CreateMessagesResponses];
export type ListMessagesData = {
    body?: never;
    path?: never;
    query?: {
        /**
         * How many to return at most.
         */
        limit?: number;
        /**
         * Only messages of this chat.
         */
        chat_id?: number;
        /**
         * Only messages with these words; `"a phrase"`, `or` and `-not` mean what they mean to web searches.
         */
        q?: string;
        /**
         * The page that ends before this id.
         */
        before?: number;
        /**
         * The page that begins after this id.
         */
        after?: number;
    };
    url: '/api/v1/messages';
};
export type ListMessagesErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ListMessagesError = ListMessagesErrors[keyof ListMessagesErrors];
export type ListMessagesResponses = {
    /**
     * The messages.
     */
    200: Array<Message>;
};
export type ListMessagesResponse = ListMessagesResponses[keyof ListMessagesResponses];
export type DeleteMessageData = {
    body?: never;
    headers?: {
        /**
         * Only if the ETag is still one of these; else 412.
         */
        'If-Match'?: string;
    };
    path: {
        /**
         * The message's id.
         */
        message_id: number;
    };
    query?: never;
    url: '/api/v1/messages/{message_id}';
};
export type DeleteMessageErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * It has changed meanwhile.
     */
    412: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type DeleteMessageError = DeleteMessageErrors[keyof DeleteMessageErrors];
export type DeleteMessageResponses = {
    /**
     * The message is gone.
     */
    204: void;
};
export type DeleteMessageResponse = DeleteMessageResponses[keyof DeleteMessageResponses];
export type ReadMessageData = {
    body?: never;
    headers?: {
        /**
         * Only if the ETag is none of these; else 304.
         */
        'If-None-Match'?: string;
    };
    path: {
        /**
         * The message's id.
         */
        message_id: number;
    };
    query?: never;
    url: '/api/v1/messages/{message_id}';
};
export type ReadMessageErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ReadMessageError = ReadMessageErrors[keyof ReadMessageErrors];
export type ReadMessageResponses = {
    /**
     * The message.
     */
    200: Message;
};
export type ReadMessageResponse = ReadMessageResponses[keyof ReadMessageResponses];
export type UpdateMessageData = {
    body: MessageUpdate;
    headers?: {
        /**
         * Only if the ETag is still one of these; else 412.
         */
        'If-Match'?: string;
    };
    path: {
        /**
         * The message's id.
         */
        message_id: number;
    };
    query?: never;
    url: '/api/v1/messages/{message_id}';
};
export type UpdateMessageErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * It has changed meanwhile.
     */
    412: ProblemDetails;
    /**
     * The request body is too large.
     */
    413: ProblemDetails;
    /**
     * The request body is not plain JSON.
     */
    415: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type UpdateMessageError = UpdateMessageErrors[keyof UpdateMessageErrors];
export type UpdateMessageResponses = {
    /**
     * The message, edited.
     */
    200: Message;
};
export type UpdateMessageResponse = UpdateMessageResponses[keyof UpdateMessageResponses];
export type DeleteChatMessageData = {
    body?: never;
    headers?: {
        /**
         * Only if the ETag is still one of these; else 412.
         */
        'If-Match'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
        /**
         * The message's id.
         */
        message_id: number;
    };
    query?: never;
    url: '/api/v1/chats/{chat_id}/messages/{message_id}';
};
export type DeleteChatMessageErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * It has changed meanwhile.
     */
    412: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type DeleteChatMessageError = DeleteChatMessageErrors[keyof DeleteChatMessageErrors];
export type DeleteChatMessageResponses = {
    /**
     * The message is gone.
     */
    204: void;
};
export type DeleteChatMessageResponse = DeleteChatMessageResponses[keyof DeleteChatMessageResponses];
export type ReadChatMessageData = {
    body?: never;
    headers?: {
        /**
         * Only if the ETag is none of these; else 304.
         */
        'If-None-Match'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
        /**
         * The message's id.
         */
        message_id: number;
    };
    query?: never;
    url: '/api/v1/chats/{chat_id}/messages/{message_id}';
};
export type ReadChatMessageErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ReadChatMessageError = ReadChatMessageErrors[keyof ReadChatMessageErrors];
export type ReadChatMessageResponses = {
    /**
     * The message.
     */
    200: Message;
};
export type ReadChatMessageResponse = ReadChatMessageResponses[keyof ReadChatMessageResponses];
export type UpdateChatMessageData = {
    body: MessageUpdate;
    headers?: {
        /**
         * Only if the ETag is still one of these; else 412.
         */
        'If-Match'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
        /**
         * The message's id.
         */
        message_id: number;
    };
    query?: never;
    url: '/api/v1/chats/{chat_id}/messages/{message_id}';
};
export type UpdateChatMessageErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * It has changed meanwhile.
     */
    412: ProblemDetails;
    /**
     * The request body is too large.
     */
    413: ProblemDetails;
    /**
     * The request body is not plain JSON.
     */
    415: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type UpdateChatMessageError = UpdateChatMessageErrors[keyof UpdateChatMessageErrors];
export type UpdateChatMessageResponses = {
    /**
     * The message, edited.
     */
    200: Message;
};
export type UpdateChatMessageResponse = UpdateChatMessageResponses[keyof UpdateChatMessageResponses];
export type StreamChangesData = {
    body?: never;
    headers?: {
        /**
         * The `id` of the last event that the client got. It counts more than what the query says.
         */
        'Last-Event-ID'?: string;
    };
    path: {
        /**
         * The chat's id.
         */
        chat_id: number;
    };
    query?: {
        /**
         * The revision that the client has got to; 0 for none. Without it, the stream begins now.
         */
        since?: number;
        /**
         * A token, never a key, where no header can be set, as by a browser's EventSource. Proxies may log it, so prefer the header.
         */
        access_token?: string;
    };
    url: '/api/v1/chats/{chat_id}/changes/stream';
};
export type StreamChangesErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type StreamChangesError = StreamChangesErrors[keyof StreamChangesErrors];
export type StreamChangesResponses = {
    /**
     * The events, until the client or the service ends them.
     */
    200: LiveEvent;
};
export type StreamChangesResponse = StreamChangesResponses[keyof StreamChangesResponses];
export type StreamChangesOfChatsData = {
    body?: never;
    headers?: {
        /**
         * The `id` of the last event that the client got. It counts more than what the query says.
         */
        'Last-Event-ID'?: string;
    };
    path?: never;
    query: {
        /**
         * The chats, 1 to 100, each with the revision that the client has got to; without one, that chat's changes begin now.
         */
        chats: string;
        /**
         * A token, never a key, where no header can be set, as by a browser's EventSource. Proxies may log it, so prefer the header.
         */
        access_token?: string;
    };
    url: '/api/v1/changes/stream';
};
export type StreamChangesOfChatsErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type StreamChangesOfChatsError = StreamChangesOfChatsErrors[keyof StreamChangesOfChatsErrors];
export type StreamChangesOfChatsResponses = {
    /**
     * The events, until the client or the service ends them.
     */
    200: LiveEvent;
};
export type StreamChangesOfChatsResponse = StreamChangesOfChatsResponses[keyof StreamChangesOfChatsResponses];
export type ListKeysData = {
    body?: never;
    path?: never;
    query?: {
        /**
         * How many to return at most.
         */
        limit?: number;
        /**
         * The page that ends before this id.
         */
        before?: number;
        /**
         * The page that begins after this id.
         */
        after?: number;
    };
    url: '/api/v1/keys';
};
export type ListKeysErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ListKeysError = ListKeysErrors[keyof ListKeysErrors];
export type ListKeysResponses = {
    /**
     * The keys.
     */
    200: Array<ApiKey>;
};
export type ListKeysResponse = ListKeysResponses[keyof ListKeysResponses];
export type CreateKeyData = {
    body: ApiKeyCreate;
    path?: never;
    query?: never;
    url: '/api/v1/keys';
};
export type CreateKeyErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * The request body is too large.
     */
    413: ProblemDetails;
    /**
     * The request body is not plain JSON.
     */
    415: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type CreateKeyError = CreateKeyErrors[keyof CreateKeyErrors];
export type CreateKeyResponses = {
    /**
     * The key, shown this once.
     */
    201: CreatedApiKey;
};
export type CreateKeyResponse = CreateKeyResponses[keyof CreateKeyResponses];
export type RevokeKeyData = {
    body?: never;
    path: {
        /**
         * The key's id.
         */
        key_id: number;
    };
    query?: never;
    url: '/api/v1/keys/{key_id}';
};
export type RevokeKeyErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * There is no such chat, or There is no such message.
     */
    404: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type RevokeKeyError = RevokeKeyErrors[keyof RevokeKeyErrors];
export type RevokeKeyResponses = {
    /**
     * The key is revoked.
     */
    204: void;
};
export type RevokeKeyResponse = RevokeKeyResponses[keyof RevokeKeyResponses];
export type CreateTokenData = {
    body: TokenCreate;
    path?: never;
    query?: never;
    url: '/api/v1/tokens';
};
export type CreateTokenErrors = {
    /**
     * The call needs a valid key or token.
     */
    401: ProblemDetails;
    /**
     * The key or token does not allow the call.
     */
    403: ProblemDetails;
    /**
     * The request body is too large.
     */
    413: ProblemDetails;
    /**
     * The request body is not plain JSON.
     */
    415: ProblemDetails;
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * Too many calls.
     */
    429: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type CreateTokenError = CreateTokenErrors[keyof CreateTokenErrors];
export type CreateTokenResponses = {
    /**
     * The token.
     */
    201: NewToken;
};
export type CreateTokenResponse = CreateTokenResponses[keyof CreateTokenResponses];
export type CheckLiveData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/health/live';
};
export type CheckLiveErrors = {
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type CheckLiveError = CheckLiveErrors[keyof CheckLiveErrors];
export type CheckLiveResponses = {
    /**
     * The process works.
     */
    200: Health;
};
export type CheckLiveResponse = CheckLiveResponses[keyof CheckLiveResponses];
export type CheckReadyData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/health/ready';
};
export type CheckReadyErrors = {
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type CheckReadyError = CheckReadyErrors[keyof CheckReadyErrors];
export type CheckReadyResponses = {
    /**
     * The service works.
     */
    200: Health;
};
export type CheckReadyResponse = CheckReadyResponses[keyof CheckReadyResponses];
export type ReadServiceData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/';
};
export type ReadServiceErrors = {
    /**
     * The request is not valid, or The idempotency key was used before.
     */
    422: ProblemDetails;
    /**
     * The service cannot answer right now.
     */
    503: ProblemDetails;
    /**
     * Any other problem.
     */
    default: ProblemDetails;
};
export type ReadServiceError = ReadServiceErrors[keyof ReadServiceErrors];
export type ReadServiceResponses = {
    /**
     * What this service is.
     */
    200: Service;
};
export type ReadServiceResponse = ReadServiceResponses[keyof ReadServiceResponses];
