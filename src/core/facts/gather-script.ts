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

/** Output beyond this is cut off, and the fact is then unknown. */
export const OUTPUT_LIMIT = 8 * 1024 * 1024;

const MARK = "converge-frame";

// A frame: begin; status, then base64 of standard error with the exit code on a line of its own at its end; output,
// then base64 of standard output; end. Both are encoded before they are printed, so nothing that a command says
// passes for a frame; both are held in variables, so no temporary file is written and no two writers meet.
const PRELUDE = `
LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LC_ALL PATH
unset LANGUAGE LVM_SYSTEM_DIR LVM_SUPPRESS_FD_WARNINGS POSIXLY_CORRECT
if [ "\${CONVERGE_PRIVATE:-}" = 1 ]; then
  mounts=$(cat /proc/self/mountinfo)
  printf '%s\\n' "$mounts" | while read -r _ _ _ _ target options rest; do
    case $target in *\\\\*) continue ;; esac
    case ,$options, in *,noatime,* | *,ro,*) continue ;; esac
    case $rest in
      *"- ext"[234]" "* | *"- xfs "* | *"- btrfs "* | *"- f2fs "* | *"- jfs "* | *"- overlay "*)
        mount -n -o "remount,bind,$options,noatime" "$target" </dev/null >/dev/null 2>&1 ;;
    esac
  done
fi
limited=
if timeout -k 1 5 true >/dev/null 2>&1; then limited=1; fi
exec 4>&1
frame() {
  name=$1
  seconds=$2
  shift 2
  if [ -n "$limited" ]; then set -- timeout -k 5 "$seconds" "$@"; fi
  printf '${MARK} begin %s\\n' "$name"
  output=$(
    {
      status=$({ "$@" </dev/null 2>&1 >&3 3>&- 4>&-; printf '\\n%s' "$?"; } | tail -c 65536 | base64)
      printf '${MARK} status %s\\n%s\\n' "$name" "$status" >&4
    } 3>&1 | head -c ${OUTPUT_LIMIT} | base64
  )
  printf '${MARK} output %s\\n%s\\n${MARK} end %s\\n' "$name" "$output" "$name"
}
echo
`;

/** One round of questions as one POSIX sh script, for the standard input of {@link GATHER_SHELL}. */
export function gatherScript(questions: readonly Question[]): string {
  const frames = questions.map(({ name, seconds, command }) =>
    `frame ${quoteWord(name)} ${seconds} ${quoteCommand(command)}\n`);
  return `${PRELUDE}${frames.join("")}echo '${MARK} finished'\n`;
}

/** The answers in what a gather script printed. */
export interface Frames {
  readonly results: Readonly<Record<string, CommandResult>>;
  /** Whether the script came to its end. */
  readonly finished: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

interface OpenFrame {
  readonly name: string;
  section: "none" | "status" | "output";
  readonly status: string[];
  readonly output: string[];
}

/**
 * Takes the answers out of what was printed, whatever else a login shell printed before, after or in between.
 * A frame that is not whole gives no result.
 */
export function parseFrames(text: string): Frames {
  const results = new Map<string, CommandResult>();
  const diagnostics: Diagnostic[] = [];
  let finished = false;
  let frame: OpenFrame | undefined;
  for (const raw of text.split("\n")) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (!line.startsWith(`${MARK} `)) {
      if (frame === undefined || frame.section === "none" || !BASE64_LINE.test(line)) continue;
      frame[frame.section].push(line);
      continue;
    }
    const [, kind, name = ""] = line.split(" ");
    if (kind === "finished") finished = true;
    else if (kind === "begin") frame = { name, section: "none", status: [], output: [] };
    else if (frame === undefined || frame.name !== name) continue;
    else if (kind === "status" || kind === "output") frame.section = kind;
    else if (kind === "end") {
      const read = readFrame(frame);
      if ("code" in read) diagnostics.push(read);
      else results.set(name, read);
      frame = undefined;
    }
  }
  return { results: Object.fromEntries(results), finished, diagnostics };
}

const BASE64_LINE = /^[A-Za-z0-9+/]+={0,2}$/;

function readFrame(frame: OpenFrame): CommandResult | Diagnostic {
  const status = decodeBase64(frame.status.join(""));
  const output = decodeBase64(frame.output.join(""));
  const code = status === undefined ? null : /(?:^|\n)(\d{1,3})$/.exec(decodeText(status));
  if (status === undefined || output === undefined || code === null) {
    return damaged(frame.name, "what came back is damaged");
  }
  if (output.length >= OUTPUT_LIMIT) return damaged(frame.name, "it printed more than 8 MiB");
  const said = decodeText(status);
  return { exitCode: Number(code[1]), stdout: decodeText(output), stderr: said.slice(0, code.index) };
}

function damaged(name: string, why: string): Diagnostic {
  return {
    severity: "warning",
    code: "fact-unreadable",
    summary: `the fact '${name}' could not be read: ${why}`,
  };
}
