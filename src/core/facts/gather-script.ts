import type { CommandResult } from "../model/command.js";
import { quoteCommand, quoteWord, type Command } from "../model/command.js";
import type { Diagnostic } from "../model/diagnostic.js";
import { decodeBase64, decodeText } from "./base64.js";
import type { Question } from "./readings.js";

/**
 * Runs the script that comes on standard input, where possible in a mount namespace of its own, in which the script
 * turns off access times: asking must not leave a trace, not even in the time stamps of directories and links,
 * for which no tool has an option (mount_namespaces(7); `slave`, so that what others unmount is not held).
 * On one line, for login shells that take no newline in quotes.
 */
export const GATHER_SHELL: Command = [
  "sh", "-c",
  "if unshare -m --propagation slave true 2>/dev/null; " +
    "then exec env CONVERGE_PRIVATE=1 unshare -m --propagation slave sh -s; fi; exec sh -s",
];

/** Output of a round beyond this is cut off, and the host then counts as not having answered. */
export const OUTPUT_LIMIT = 64 * 1024 * 1024;

const BEGIN = "converge-answers-begin";
const END = "converge-answers-end";
const FINISHED = "finished";

// A frame is a line `frame NAME LENGTH` and LENGTH bytes: standard error, standard output, `x` and the exit code, a
// blank and the length of the last three parts. Held in variables, so that no temporary file is written; lengths,
// so that nothing a command says passes for a frame; one base64 around all, so that no terminal or login shell can
// change it. Processes are few: there are hosts on which starting one takes half a second.
const PRELUDE = `
LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LC_ALL PATH
unset LANGUAGE LVM_SYSTEM_DIR POSIXLY_CORRECT
LVM_SUPPRESS_FD_WARNINGS=1
export LVM_SUPPRESS_FD_WARNINGS
if [ "\${CONVERGE_PRIVATE:-}" = 1 ]; then
  newline='
'
  mounts=
  while read -r line; do mounts="$mounts$line$newline"; done </proc/self/mountinfo
  quiet() {
    target=$5
    options=$6
    case $target in *\\\\*) return ;; esac
    case ,$options, in *,noatime,* | *,ro,*) return ;; esac
    case " $* " in
      *" - ext"[234]" "* | *" - xfs "* | *" - btrfs "* | *" - f2fs "* | *" - jfs "*)
        mount -n -o "remount,bind,$options,noatime" "$target" </dev/null >/dev/null 2>&1 ;;
    esac
  }
  set -f
  IFS=$newline
  for line in $mounts; do
    IFS=' '
    quiet $line
  done
  unset IFS
  set +f
fi
limited=
if timeout -k 1 5 true >/dev/null 2>&1; then limited=1; fi
frame() {
  name=$1
  seconds=$2
  shift 2
  if [ -n "$limited" ]; then set -- timeout -k 5 "$seconds" "$@"; fi
  both=$(
    { out=$("$@" </dev/null 2>&3 3>&-; printf 'x%s' "$?"); } 3>&1
    printf '%s %s' "$out" "\${#out}"
  )
  printf 'frame %s %s\\n%s\\n' "$name" "\${#both}" "$both"
}
`;

/**
 * One round of questions as one POSIX sh script, for the standard input of {@link GATHER_SHELL}.
 *
 * Every second question is asked in a lane of its own, beside the others: most of what a look takes is processes that start,
 * and two at a time are no burden to a Dom0. What the second lane says waits in a pipe until the first one is done, so that
 * no file is needed, and nothing mixes. The second lane ends with the line that says that all is there, and it is passed on by
 * the end of the first: neither can be missing from what counts as finished.
 */
export function gatherScript(questions: readonly Question[]): string {
  const lane = (rest: number): string => questions
    .filter((_, i) => i % 2 === rest)
    .map(({ name, seconds, command }) => `frame ${quoteWord(name)} ${seconds} ${quoteCommand(command)}\n`)
    .join("");
  return `${PRELUDE}printf '\\n${BEGIN}\\n'\n{\n${lane(1)}echo ${FINISHED}\n} | {\n${lane(0)}cat\n` +
    `} | head -c ${OUTPUT_LIMIT} | base64\nprintf '\\n${END}\\n'\n`;
}

/** The answers in what a gather script printed. */
export interface Frames {
  readonly results: Readonly<Record<string, CommandResult>>;
  /** Whether all of it came. */
  readonly finished: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** Takes the answers out of what was printed, whatever else a login shell printed before or after. */
export function parseFrames(text: string): Frames {
  const begin = lineAt(text, BEGIN, 0);
  const end = begin === -1 ? -1 : lineAt(text, END, begin);
  const encoded = end === -1 ? "" : text.slice(begin + BEGIN.length, end);
  const bytes = decodeBase64(encoded);
  if (bytes === undefined || bytes.length === 0) return { results: {}, finished: false, diagnostics: [] };
  const results = new Map<string, CommandResult>();
  const diagnostics: Diagnostic[] = [];
  let at = 0;
  while (at < bytes.length) {
    const lineEnd = bytes.indexOf(NEWLINE, at);
    if (lineEnd === -1) break;
    const line = decodeText(bytes.subarray(at, lineEnd));
    if (line === FINISHED) return { results: Object.fromEntries(results), finished: true, diagnostics };
    const header = /^frame (\S+) (\d+)$/.exec(line);
    if (header === null) break;
    const [, name = "", length = ""] = header;
    const body = bytes.subarray(lineEnd + 1, lineEnd + 1 + Number(length));
    at = lineEnd + 2 + Number(length);
    const read = readFrame(body);
    if (read === undefined) diagnostics.push(damaged(name));
    else results.set(name, read);
  }
  return { results: Object.fromEntries(results), finished: false, diagnostics };
}

const NEWLINE = 10;

/** Offset of a line that is exactly this (a terminal may have added a carriage return); -1 if there is none. */
function lineAt(text: string, line: string, from: number): number {
  for (let at = text.indexOf(line, from); at !== -1; at = text.indexOf(line, at + 1)) {
    const after = text.charAt(at + line.length);
    if ((at === 0 || text.charAt(at - 1) === "\n") && (after === "\n" || after === "\r" || after === "")) return at;
  }
  return -1;
}

function readFrame(body: Uint8Array): CommandResult | undefined {
  const tail = /x(\d{1,3}) (\d+)$/.exec(decodeText(body.subarray(Math.max(0, body.length - 24))));
  if (tail === null) return undefined;
  const [, code = "", length = ""] = tail;
  const end = body.length - 1 - length.length;
  const start = end - Number(length);
  if (start < 0) return undefined;
  return {
    exitCode: Number(code),
    stdout: decodeText(body.subarray(start, end - 1 - code.length)),
    stderr: decodeText(body.subarray(0, start)),
  };
}

function damaged(name: string): Diagnostic {
  return {
    severity: "warning",
    code: "fact-unreadable",
    summary: `the fact '${name}' could not be read: what came back is damaged`,
  };
}
