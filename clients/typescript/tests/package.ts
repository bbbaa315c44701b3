import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { PACKAGE, temporaryFolder, url } from "./service.js";

const run = promisify(execFile);
const TYPESCRIPT = join(PACKAGE, "node_modules/typescript/bin/tsc");
const OPTIONS = ["--strict", "--target", "es2022", "--module", "nodenext"];
const NODE_TYPES = ["--types", "node", "--typeRoots", join(PACKAGE, "node_modules/@types")];

/** Returns a folder where nothing is installed but what `npm pack` makes of this package. */
async function installed(): Promise<string> {
  const folder = await temporaryFolder();
  await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: PACKAGE });
  const { version } = JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  const tarball = `./chat-and-message-client-${version}.tgz`;
  await run("npm", ["install", "--silent", "--offline", tarball], { cwd: folder });
  return folder;
}

/** Returns the examples of the README as a program, and what the README says that it prints. */
async function examples(): Promise<[code: string, output: string]> {
  const readme = await readFile(join(PACKAGE, "README.md"), "utf8");
  const fenced = readme.split(/^```/m);
  const blocks = (opening: string) =>
    fenced
      .filter((block) => block.startsWith(opening))
      .map((block) => block.slice(opening.length))
      .join("\n");
  return [blocks("ts\n"), blocks("text\n")];
}

test("the README's examples do what it says, where only the package is installed", async () => {
  const folder = await installed();
  const [code, output] = await examples();
  await writeFile(join(folder, "example.ts"), code);
  await run("node", [TYPESCRIPT, "example.ts", ...OPTIONS, ...NODE_TYPES], { cwd: folder });
  const env = { ...process.env, CHAT_API_URL: url };
  const { stdout } = await run("node", ["example.js"], { cwd: folder, env });
  assert.equal(stdout, output);
});

test("the package has the version of the service", async () => {
  const { version } = JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8"));
  const document = await readFile(join(PACKAGE, "../../openapi.json"), "utf8");
  assert.equal(version, JSON.parse(document).info.version);
});
