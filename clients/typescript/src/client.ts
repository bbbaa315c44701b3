import { type Client, type Config, createClient as create } from "./generated/client/index.js";
import { ApiProblem, problemOf } from "./problem.js";

export type { Client };

/** Where the service is, and anything that `fetch` takes for all requests, such as `headers`. */
export type ClientConfig = Omit<Config, "baseUrl" | "responseStyle" | "throwOnError"> & {
  /** The root of the service, without `/api/v1`: `http://127.0.0.1:8000`. */
  baseUrl: string;
};

/**
 * Returns a client of the service, to give to every call.
 *
 * What the service refuses comes as `error`, always as `ProblemDetails`; with `throwOnError: true`
 * the call throws an {@link ApiProblem} instead. A call without an answer rejects as `fetch` does.
 */
export function createClient({ baseUrl, ...config }: ClientConfig): Client {
  const client = create({ ...config, baseUrl: baseUrl.replace(/\/+$/, "") });
  client.interceptors.error.use((error, response: Response | undefined, _request, options) => {
    if (response === undefined) throw error; // No answer came: this is no problem document.
    const problem = problemOf(error, response);
    return options.throwOnError ? new ApiProblem(problem, response) : problem;
  });
  return client;
}
