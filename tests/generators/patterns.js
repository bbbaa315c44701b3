// Prints which of the texts each pattern takes, without and with the flag `u`; both are read as JSON.
import { readFileSync } from "node:fs";

const [patterns, texts] = JSON.parse(readFileSync(0, "utf8"));
const taken = (flags) => patterns.map((one) => texts.map((text) => new RegExp(one, flags).test(text)));
if (JSON.stringify(taken("")) !== JSON.stringify(taken("u"))) throw new Error("the flag tells");
console.log(JSON.stringify(taken("")));
