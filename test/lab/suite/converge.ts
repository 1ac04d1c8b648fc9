import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect } from "vitest";
import type { Lab } from "../lab.js";
import { checkoutRoot } from "../lab-script.js";
import type { LabUser } from "../lab-ssh.js";

// the tests run from their source, the benchmark compiled
const main = join(checkoutRoot(), "dist/src/edge/cli/main.js");

export interface ConvergeResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as a user would see them. */
  readonly all: string;
}

/** The built command line, run as a user runs it: a process of its own, in a folder with inventory and playbooks. */
export class Converge {
  private constructor(readonly directory: string) {}

  static async at(lab: Lab, user?: LabUser): Promise<Converge> {
    const directory = await mkdtemp(join(tmpdir(), "converge-suite-"));
    await writeFile(join(directory, "lab.yml"), await lab.inventory(user));
    return new Converge(directory);
  }

  /** Writes a playbook of one play with these domains; gives its name. */
  async playbook(name: string, domains: Readonly<Record<string, unknown>>): Promise<string> {
    // JSON is YAML
    await writeFile(join(this.directory, name), JSON.stringify([{ name, hosts: "xen", domains }], null, 2));
    return name;
  }

  /** Runs to the end, whatever the exit code. */
  async run(...args: readonly string[]): Promise<ConvergeResult> {
    const { exitCode, stdout, stderr, all } = await this.start(...args);
    return { exitCode: exitCode ?? -1, stdout, stderr, all };
  }

  /** Starts and leaves it running: for tests that do something to it. */
  start(...args: readonly string[]) {
    return execa(process.execPath, [main, ...args], {
      cwd: this.directory, reject: false, all: true, stdin: "ignore",
      env: { NO_COLOR: "1" },
    });
  }

  /**
   * Starts it on a terminal of its own, as `script` of util-linux makes one: what is written to its standard input is
   * typed, and \x03 is Ctrl-C, which reaches every process in the foreground.
   */
  startOnTerminal(...args: readonly string[]) {
    const words = [process.execPath, main, ...args];
    if (words.some((word) => !/^[\w@%+=:,./-]+$/.test(word))) throw new Error("words that need quoting");
    const command = `stty cols 80 rows 24; exec ${words.join(" ")}`;
    return execa("script", ["--quiet", "--flush", "--return", "--command", command, "/dev/null"], {
      cwd: this.directory, reject: false, all: true, stdin: "pipe", env: { NO_COLOR: "1", TERM: "xterm" },
    });
  }

  /** A run that finds its guests as the playbook wants them, and says so. */
  async expectNothingToDo(playbook: string): Promise<void> {
    const { exitCode, all } = await this.run("-i", "lab.yml", playbook, "--yes");
    expect(exitCode, all).toBe(0);
    expect(all).toMatch(/^dom0: nothing to do$/m);
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

/** A guest's disks as a playbook of the suite wants them. The lab is slow, so its budgets are generous. */
export function onVolumes(
  domain: string, disks: Readonly<Record<string, Readonly<Record<string, unknown>>>>, move: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const named = Object.fromEntries(
    Object.entries(disks).map(([vdev, disk]) => [vdev, { volume: `vg0/${domain}-${vdev}`, ...disk }]),
  );
  return {
    [domain]: {
      disks: named,
      ready: { tcp: 22, timeout: "300s" },
      // what `auto` picks is for the tests of auto
      move: { strategy: "rsync", downtime: "900s", shutdown: { timeout: "300s" }, snapshot: { size: "10%" }, ...move },
    },
  };
}

/** The same for a guest whose config names no address: its port is asked for at this one. */
export function readyOn(
  domain: string, address: string, disks: readonly string[], move: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const wished = onVolumes(domain, Object.fromEntries(disks.map((vdev) => [vdev, {}])), move);
  return { [domain]: { ...(wished[domain] as object), ready: { tcp: 22, address, timeout: "300s" } } };
}
