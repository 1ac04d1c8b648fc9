import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const RUNTIME = "src/core/program/runtime";

/** Files, and folders with all that is in them, in this order: variables are set before they are used; functions may come in any. */
const PARTS = ["setting", "clock", "json", "journal", "lock", "bounded", "asked", "step", "undo", "unstarted", "back", "late", "again", "repeat", "history", "xendomains", "goals/", "verbs/", "modes"];
const SUBMIT_PARTS = ["json", "submit"];

/**
 * The sh runtime as TypeScript constants, so that the core needs no file system to compile a program.
 * @param root the checkout
 * @returns text by path, relative to the root; nothing is written
 */
export function embedRuntime(root: string): Map<string, string> {
  const left = readdirSync(join(root, RUNTIME)).filter((name) => name.endsWith(".sh") && ![...PARTS, ...SUBMIT_PARTS].includes(name.replace(/\.sh$/, "")));
  if (left.length > 0) throw new Error(`${RUNTIME}/${left.join(", ")}: in no program so far: name it in PARTS of scripts/embed-runtime.ts`);
  const runtime = PARTS.flatMap((part) => files(root, part)).map((path) => stripped(root, path));
  const submit = SUBMIT_PARTS.flatMap((part) => files(root, part)).map((path) => stripped(root, path));
  const names = (text: string, prefix: string): string[] =>
    [...text.matchAll(new RegExp(`^${prefix}_([a-z_]+)\\(\\)`, "gm"))].map((match) => match[1] ?? "").sort();
  const python = withoutComments(readFileSync(join(root, RUNTIME, "qmp.py"), "utf8"));
  // in single quotes, as sh takes anything but these
  const text = [...runtime, `QMP='${python.replaceAll("'", "'\\''")}'\n`].join("\n");
  const lines = [
    "// Generated from runtime/*.sh by scripts/embed-runtime.ts: edit those, not this.",
    "",
    "/** The hand-written part of every host program. */",
    `export const RUNTIME = ${literal(text)};`,
    "",
    "/** Speaks QMP with the QEMU of a guest: Python, as sh has no sockets. */",
    `export const QMP = ${literal(python)};`,
    "",
    "/** What the controller runs to bring a program onto a host and start it; ends with a call of its own. */",
    `export const SUBMIT = ${literal(`${submit.join("\n")}\nsubmit "$@"\n`)};`,
    "",
    "/** Goals that the runtime can look at. */",
    `export const RUNTIME_GOALS: ReadonlySet<string> = new Set(${JSON.stringify(names(text, "goal"))});`,
    "",
    "/** Verbs that the runtime can act by. */",
    `export const RUNTIME_VERBS: ReadonlySet<string> = new Set(${JSON.stringify(names(text, "verb"))});`,
    "",
    "/** Watches that the runtime can keep while a copy runs. */",
    `export const RUNTIME_WATCHES: ReadonlySet<string> = new Set(${JSON.stringify(names(text, "watch"))});`,
    "",
  ];
  return new Map([["src/core/program/runtime.generated.ts", lines.join("\n")]]);
}

function files(root: string, part: string): string[] {
  if (!part.endsWith("/")) return [`${RUNTIME}/${part}.sh`];
  const folder = `${RUNTIME}/${part.slice(0, -1)}`;
  return readdirSync(join(root, folder)).filter((name) => name.endsWith(".sh")).sort().map((name) => `${folder}/${name}`);
}

/** The linter's directives say nothing to whoever reads a program on a host. */
function stripped(root: string, path: string): string {
  const lines = readFileSync(join(root, path), "utf8").split("\n");
  return lines.filter((line) => !/^\s*# shellcheck /.test(line)).join("\n");
}

function withoutComments(python: string): string {
  return python.split("\n").filter((line) => !/^\s*#(\s|$)/.test(line)).join("\n").trimStart();
}

function literal(text: string): string {
  return `\`${text.replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${")}\``;
}
