import { booksDirectory } from "../../core/model/names.js";
import type { CommandResult } from "../../core/model/command.js";
import type { Checked } from "../../core/model/diagnostic.js";
import { planBeside } from "../../core/plan/saved-wish.js";
import { compileProgram } from "../../core/program/compile.js";
import { parseSubmitAnswer, submissionInput, submitCommand } from "../../core/program/submit.js";
import { formatInstant } from "../../core/render/figures.js";
import { readRunEvent } from "../../core/render/read-event.js";
import { stepKinds } from "../../core/steps/registry.js";
import type { Host } from "../hosts/host.js";
import { isUnsent } from "../hosts/trouble.js";
import { ownerName, runStamp } from "./owner.js";
import type { HostRuns, Submission } from "./target.js";
import { Unreachable } from "./target.js";

/** Taking back what an interrupted run left may mean waiting for a guest: longer than any command that only looks. */
const SUBMIT_TIMEOUT_MS = 20 * 60 * 1000;
/** Where submit.sh puts a run. An answer that is something else, or several lines, names nothing that a program could be run from. */
const RUN = /^\/[^\p{Cc}\uFFFD]*\/runs\/[\w-]+$/u;
/** For what only looks at the books, or leaves a word there. */
const LOOK = { timeoutMs: 2 * 60 * 1000 } as const;

/** What a run has not taken back; or that it is not at its end, as when another program has the guest's lock. */
const LEFT = `
if [ -e "$1/unfinished" ]; then cat "$1/unfinished"; fi
if ! [ -e "$1/ended" ]; then echo 'it has not come to its end: see journal.jsonl there'; fi
`;

/** Begins a journal, where there are several; no line of one begins so. */
const MARK = "run ";

/** The journals of all runs of a guest, each after a line with its name. */
const JOURNALS = `
for journal in "$1"/runs/*/journal.jsonl; do
  [ -f "$journal" ] || continue
  run=\${journal%/*}
  printf '${MARK}%s\\n' "\${run##*/}"
  cat -- "$journal" || exit
  echo
done
`;

/** Runs on a host, through the program that each run has in its books there. */
export function hostRuns(host: Host): HostRuns {
  return {
    submit: async ({ plan, config, wish }, leave) => {
      const program = compileProgram(plan, stepKinds, { config });
      const command = submitCommand({
        domain: plan.domain, digest: plan.digest, owner: ownerName(), stamp: runStamp(),
        ...(plan.ioWeight === undefined ? {} : { ioWeight: plan.ioWeight }),
      });
      const ran = reached(await host.run(command, {
        stdin: submissionInput(program, planBeside(plan, wish)), timeoutMs: SUBMIT_TIMEOUT_MS,
        ...(leave === undefined ? {} : { signal: leave }),
      }));
      return submissionOf(parseSubmitAnswer(ran.stdout, ran.exitCode, ran.stderr));
    },
    current: async (domain) => {
      const ran = reached(await host.run(["readlink", "-e", `${booksDirectory(domain)}/current`], LOOK));
      const directory = ran.stdout.trim();
      return ran.exitCode === 0 && RUN.test(directory) ? directory : undefined;
    },
    follow: async (directory, firstLine, onLine, leave) => {
      const ran = await host.follow(["sh", `${directory}/program.sh`, "follow", String(firstLine)], onLine, leave);
      if (!leave.aborted) reached(ran);
    },
    journal: async (directory) => {
      const ran = reached(await host.run(["cat", `${directory}/journal.jsonl`], LOOK));
      return ran.exitCode === 0 ? ran.stdout.split("\n").filter((line) => line !== "") : undefined;
    },
    journals: async (domain) => {
      const ran = reached(await host.run(["sh", "-c", JOURNALS, "sh", booksDirectory(domain)], LOOK));
      return ran.exitCode === 0 ? journalsOf(ran.stdout) : undefined;
    },
    savedPlan: async (directory) => {
      const ran = reached(await host.run(["cat", `${directory}/plan.json`], LOOK));
      return ran.exitCode === 0 ? ran.stdout : undefined;
    },
    recover: async (directory) => {
      reached(await host.run(["sh", `${directory}/program.sh`, "recover"], { timeoutMs: SUBMIT_TIMEOUT_MS }));
      const left = reached(await host.run(["sh", "-c", LEFT, "sh", directory], LOOK));
      return left.stdout.trim() === "" ? undefined : left.stdout.trim();
    },
    stop: async (directory) => {
      const ran = reached(await host.run(["sh", `${directory}/program.sh`, "stop"], LOOK));
      return ran.exitCode === 0 ? undefined : whyNotAsked(ran);
    },
  };
}

function reached<T>(checked: Checked<T>): T {
  if (checked.value !== undefined) return checked.value;
  const { diagnostics } = checked;
  throw new Unreachable(diagnostics.map(({ summary }) => summary).join("; "), diagnostics.length > 0 && diagnostics.every(isUnsent));
}

/** What the program says of a stop (modes.sh, mode_stop). */
function whyNotAsked({ exitCode, stdout, stderr }: CommandResult): string {
  const said = /"stopping":"([^"\\]*)"/.exec(stdout)?.[1] ?? stderr.trim().split("\n").at(-1) ?? "";
  return said === "" ? `its program ended with ${exitCode}` : said;
}

/** Each begins with a line that is no JSON; the one whose first event is the oldest comes first. */
function journalsOf(text: string): readonly (readonly string[])[] {
  const journals: string[][] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(MARK)) journals.push([]);
    else if (line !== "") journals.at(-1)?.push(line);
  }
  const beginning = (lines: readonly string[]): number => readRunEvent(lines[0] ?? "")?.at ?? 0;
  return journals.filter((lines) => lines.length > 0).sort((a, b) => beginning(a) - beginning(b));
}

function submissionOf(answer: ReturnType<typeof parseSubmitAnswer>): Submission {
  const { notes } = answer;
  switch (answer.answer) {
    case "started": return { answer: "started", directory: answer.directory, notes };
    case "attach": return { answer: "attached", directory: answer.directory, notes };
    case "refused": return { answer: "held", message: answer.why, notes };
    case "held": {
      const { owner, since, run } = answer.by;
      return { answer: "held", message: `${owner} has it since ${formatInstant(since)}, for another wish (run ${run})`, notes };
    }
  }
}
