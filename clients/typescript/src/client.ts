import { type Client, type Config, createClient as create } from "./generated/client/index.js";
import { ApiProblem, problemOf } from "./problem.js";
import { authorize, type Token } from "./token.js";

export type { Client };

/** Where the service is, and anything that `fetch` takes for all requests, such as `headers`. */
export type ClientConfig = Omit<Config, "auth" | "baseUrl" | "responseStyle" | "throwOnError"> & {
  /** The root of the service, without `/api/v1`: `http://127.0.0.1:8000`. */
  baseUrl: string;
  /**
   * What to send with each call as a bearer token: a key or a token, of visible ASCII characters,
   * or a function that gives one. The function is called at the first call, and again when the
   * service answers 401: the call is then repeated, once. All calls share what it gave. What it
   * throws is thrown by the calls that wait for it, as it is and at once. It must not call the
   * service by this client itself. An `Authorization` among the headers is sent instead.
   */
  token?: Token;
};

/**
 * Returns a client of the service, to give to every call.
 *
 * What the service refuses comes as `error`, always as `ProblemDetails`; with `throwOnError: true`
 * the call throws an {@link ApiProblem} instead. A call without an answer rejects as `fetch` does.
 *
 * @throws `TypeError` for a `token` that cannot be sent.
 */
export function createClient({ baseUrl, token, ...config }: ClientConfig): Client {
  const client = create({ ...config, baseUrl: baseUrl.replace(/\/+$/, "") });
  client.interceptors.error.use((error, response: Response | undefined, _request, options) => {
    if (response === undefined) throw error; // No answer came: this is no problem document.
    const problem = problemOf(error, response);
    return options.throwOnError ? new ApiProblem(problem, response) : problem;
  });
  if (token !== undefined) authorize(client, token);
  return client;
}
