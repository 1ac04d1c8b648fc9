import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Command, CommandResult } from "../../src/core/model/command.js";
import type { Checked } from "../../src/core/model/diagnostic.js";
import { readFact } from "../../src/core/facts/readings.js";
import { facts } from "../../src/core/facts/registry.js";
import { parseFrames } from "../../src/core/facts/gather-script.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { readSavedWish } from "../../src/core/plan/saved-wish.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { readRunEvent } from "../../src/core/render/read-event.js";
import { commandLine } from "../../src/edge/cli/rollback-command.js";
import type { Host, RunOptions } from "../../src/edge/hosts/host.js";
import { LocalHost } from "../../src/edge/hosts/local.js";
import { runProcess } from "../../src/edge/hosts/process.js";
import { gatherHost } from "../../src/edge/run/gather.js";
import { hostRuns } from "../../src/edge/run/host-runs.js";
import { Unreachable } from "../../src/edge/run/target.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { faultsPromised } from "../support/faults.js";
import { STEERING } from "./names.js";

/** Hosts that do not answer as they should. */

interface Answer {
  readonly why: string;
  /** What runs in the place of every command. */
  readonly script: string;
  /** It ends only because it is given up. */
  readonly gaveUp?: true;
}

const answers = JSON.parse(readFileSync(new URL("answers.json", import.meta.url), "utf8")) as readonly Answer[];

/** A host on which every command is this one, and every wait is a second. */
class BadHost extends LocalHost {
  timeouts: (number | undefined)[] = [];

  constructor(private readonly script: string) {
    super("dom0a", undefined);
  }

  override run(_command: Command, options: RunOptions = {}): Promise<Checked<CommandResult>> {
    this.timeouts.push(options.timeoutMs);
    return super.run(["sh", "-c", this.script], { ...options, timeoutMs: 1000 });
  }
}

test("there are as many hosts that do not answer as they should as is said", () => {
  expect(answers.length).toBeGreaterThanOrEqual(faultsPromised("bad-answers"));
});

describe("a host that", () => {
  for (const { why, script, gaveUp } of answers) test(`${why} is told, within its time, and nothing is planned on it`, { timeout: 400_000, tags: why.includes("without end") ? ["long"] : [] }, async () => {
    const host = new BadHost(script);
    const before = process.memoryUsage().rss;
    const { value, diagnostics } = await gatherHost(host);
    expect(value).toBeUndefined();
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    expect(errors.length).toBeGreaterThan(0);
    if (gaveUp === true) expect(errors.map(({ code }) => code).join(" ")).toMatch(/host-timeout|host-unreadable/);
    expect(renderDiagnostics(diagnostics)).not.toMatch(STEERING);
    expect(process.memoryUsage().rss - before).toBeLessThan(1024 ** 3);
    // every command has a time, whoever asks
    expect(host.timeouts.every((one) => one !== undefined)).toBe(true);
  });

  test.each(answers.filter(({ why }) => !/, in lines$/.test(why)))("$why gives no run that could be followed", { tags: "long", timeout: 400_000 }, async ({ script }) => {
    const host = new BadHost(script);
    const runs = hostRuns(host);
    const wish = aWish("web1", ["xvda1"], { strategy: "rsync" });
    const [plan] = planHost(aHost([{ name: "web1", disks: { xvda1: {} } }]), [wish], sha256).domains;
    if (plan === undefined) throw new Error("nothing to do");
    const asked: readonly (() => Promise<unknown>)[] = [
      // a directory to follow a run in
      () => runs.current("web1"),
      async () => (await runs.submit({ plan, config: "" })).answer === "held" ? undefined : "a run",
      // something that could be told of one, or gone on with
      async () => (await runs.journal("/var/lib/converge/domains/web1/runs/1"))?.map(readRunEvent).find((event) => event !== undefined),
      async () => readSavedWish(await runs.savedPlan("/x") ?? "", commandLine("resume")),
      // why it can not be asked is told, of the exit code alone
      async () => (await runs.stop("/x"))?.replace(/^its program ended with \d+$/, "") || undefined,
    ];
    await Promise.all(asked.map(async (ask, i) => {
      const got = await ask().catch((error: unknown) => {
        expect(error).toBeInstanceOf(Unreachable);
      });
      expect(got, `question ${i}`).toBeUndefined();
    }));
    expect(host.timeouts).toHaveLength(asked.length);
    expect(host.timeouts.every((one) => one !== undefined)).toBe(true);
  });
});

describe("a journal that is followed", () => {
  test("has no line that fills the memory", { tags: "long" }, async () => {
    const lengths: number[] = [];
    const onLine = (line: string): void => void lengths.push(line.length);
    const { rest } = await runProcess(["sh", "-c", "head -c 300000000 /dev/zero | tr '\\0' x; printf '\\nshort\\nlast'"], { onLine, timeoutMs: 60_000 });
    // whether what has no end is a line, or half of one that a cut has left, is for whoever knows how it ended
    expect([...lengths, rest]).toEqual([1024 * 1024, 5, "last"]);
    const endless = await runProcess(["sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' x"], { onLine, timeoutMs: 60_000 });
    expect([lengths.length, endless.rest.length]).toEqual([2, 1024 * 1024]);
  });

  test("is read in whole letters, wherever they are torn apart, and with the lines of any system", async () => {
    const lines: string[] = [];
    await runProcess(["sh", "-c", "for byte in 303 274 342 202 254 12 141 15 12 12; do printf \"\\\\$byte\"; sleep 0.02; done"], { onLine: (line) => void lines.push(line) });
    expect(lines).toEqual(["ü€", "a", ""]);
  });

  test("can be left at any time, though it has no end", async () => {
    const leave = new AbortController();
    let seen = 0;
    const ended = await runProcess(["yes"], { signal: leave.signal, onLine: () => { if ((seen += 1) === 1000) leave.abort(); } });
    expect(ended.gaveUp).toBe("signal");
    expect(seen).toBeGreaterThanOrEqual(1000);
  });
});

describe("tools", () => {
  test("are asked in one language by every script: whatever the login's is, LC_ALL is C", async () => {
    const recording: Command[] = [];
    const host: Host = {
      name: "dom0a", kind: "local", close: () => Promise.resolve(),
      run: async (command, options = {}) => {
        recording.push(command);
        const ran = await runProcess(command, { ...(options.stdin === undefined ? {} : { stdin: options.stdin }), timeoutMs: 60_000 });
        return { value: ran, diagnostics: [] };
      },
      follow: () => Promise.reject(new Error("not followed")),
    };
    const before = process.env["LC_ALL"];
    process.env["LC_ALL"] = "de_DE.UTF-8";
    try {
      await gatherHost(host);
      // what a question of the same script sees
      const { stdin } = await new Promise<{ stdin: string }>((resolve) => {
        void gatherHost({ ...host, run: (_command, options = {}) => { resolve({ stdin: String(options.stdin) }); return Promise.resolve({ value: undefined, diagnostics: [] }); } });
      });
      const asked = stdin.replace(/\{\nframe [^]*\n\} \|/, "{\nframe locale 5 sh -c 'printf %s \"$LC_ALL\"'\necho finished\n} |");
      const { stdout } = await runProcess(["sh", "-s"], { stdin: asked });
      expect(parseFrames(stdout).results["locale"]?.stdout).toBe("C");
    } finally {
      if (before === undefined) delete process.env["LC_ALL"];
      else process.env["LC_ALL"] = before;
    }
    for (const path of ["runtime/setting.sh", "runtime/submit.sh"]) {
      expect(readFileSync(new URL(`../../src/core/program/${path}`, import.meta.url), "utf8"), path).toMatch(/^LC_ALL=C$[^]*^export LC_ALL\b/m);
    }
    expect(recording.length).toBeGreaterThan(0);
  });

  const german = [
    "Fehlgeschlagen: Keine Berechtigung", "  LV   VG   Attr   LGröße Pool", "Datei oder Verzeichnis nicht gefunden", "1,5 GiB", "Größe: 12.345.678",
    "名前  ID メモリ", "\u202e0 :emiT", "{\"report\":[{\"lv\":[{\"lv_name\":\"größe\",\"lv_size\":\"1,00g\"}]}]}", "NaN", "-1", "1e999", "0x10", "Infinity",
  ];
  test.each(Object.entries(facts))("%s: words of another language or version are unreadable, or leave nothing that is no number", (_, fact) => {
    for (const text of [...german, german.join("\n")]) {
      for (const exitCode of [0, 1]) {
        const { value } = readFact(fact, { exitCode, stdout: text, stderr: text });
        expect(JSON.stringify(value ?? null, (__, one: unknown) => (typeof one === "number" && !Number.isFinite(one) ? "not finite" : one))).not.toContain("not finite");
      }
    }
  });
});
