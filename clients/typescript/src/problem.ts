import type { ProblemDetails } from "./generated/index.js";

/** What the service answered instead of what was asked for; branch on `problem.type`. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";

  /**
   * @param problem - What went wrong, as the service tells it.
   * @param response - The answer it came in, for its headers; its body has been read.
   */
  constructor(
    readonly problem: ProblemDetails,
    readonly response: Response,
  ) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
  }
}

/**
 * Returns the problem that an answer is: its body or, for one that holds no problem document, as
 * of a gateway in front of the service or a 304, one of the type `about:blank` (RFC 9457).
 */
export function problemOf(body: unknown, response: Response): ProblemDetails {
  if (isProblem(body, response)) return body;
  return {
    type: "about:blank",
    title: response.statusText || `Status ${response.status}`,
    status: response.status,
    detail: typeof body === "string" && body !== "" ? body : "The answer says no more.",
    request_id: response.headers.get("X-Request-ID") ?? "",
  };
}

// A gateway may answer JSON of any shape, a problem of its own that says less among them.
function isProblem(body: unknown, response: Response): body is ProblemDetails {
  if (typeof body !== "object" || body === null) return false;
  const { type, title, status, detail, request_id } = body as Record<string, unknown>;
  const texts = [type, title, detail, request_id];
  return status === response.status && texts.every((text) => typeof text === "string");
}
