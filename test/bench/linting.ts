import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** `converge lint` as a whole process, start-up included, over a repository of many playbooks and one large inventory. */

export interface LintTimes {
  readonly playbooks: number;
  readonly hosts: number;
  /** By the clock, and of the processor (user and system), in seconds: the best of some runs. */
  readonly wall: number;
  readonly processor: number;
  readonly findings: number;
}

const GROUPS = 100;
const RUNS = 3;

/** A repository as it is linted: an inventory with variables on groups and hosts, playbooks of two plays with templates. */
export function writeRepository(folder: string, playbooks: number, hosts: number): void {
  mkdirSync(join(folder, "inventory"), { recursive: true });
  mkdirSync(join(folder, "playbooks"));
  const perGroup = Math.ceil(hosts / GROUPS);
  const groups = Array.from({ length: GROUPS }, (_, group) => [
    `pool${group}:`,
    `  vars: { guest_group: vg${group}, window: ${30 + group}s, ansible_user: root }`,
    "  hosts:",
    ...Array.from({ length: Math.min(perGroup, hosts - group * perGroup) }, (_unused, i) => {
      const number = group * perGroup + i;
      return `    dom0-${number}: { ansible_host: 10.${number >> 16}.${(number >> 8) & 255}.${number & 255}, rack: ${number % 40}, site: s${number % 7} }`;
    }),
  ].join("\n"));
  writeFileSync(join(folder, "inventory", "hosts.yml"), `${groups.join("\n")}\n`);
  for (let i = 0; i < playbooks; i += 1) {
    const guests = Array.from({ length: 8 }, (_, guest) => [
      `    guest${i}-${guest}:`,
      "      disks:",
      `        xvda1: { volume: "{{ guest_group }}/guest${i}-${guest}-root", size: 2GiB, filesystem: ext4 }`,
      `        xvda2: { volume: "{{ guest_group }}/guest${i}-${guest}-swap", size: 512MiB, filesystem: swap }`,
      "      ready: { tcp: 22, timeout: 60s }",
    ].join("\n"));
    writeFileSync(join(folder, "playbooks", `p${i}.yml`), [
      `- name: Guests of site ${i}`, `  hosts: pool${i % GROUPS}`, "  serial: 10%",
      "  vars: { kept: keep }",
      "  move: { strategy: rsync, downtime: \"{{ window }}\", source: \"{{ kept }}\" }", "  domains:", ...guests,
      "- name: What else there is", `  hosts: pool${i % GROUPS}:pool${(i + 1) % GROUPS}`,
      "  domains:", "    \"*\":",
      `      disks: { "*": { volume: "{{ guest_group }}/{{ domain }}-{{ vdev }}${i % 10 === 0 ? "-{{ rack }}" : ""}" } }`, "",
    ].join("\n"));
  }
}

/** Times whole processes; what they find has to be what was put in. */
export function lintMany(playbooks: number, hosts: number): LintTimes {
  const folder = mkdtempSync(join(tmpdir(), "converge-bench-"));
  try {
    writeRepository(folder, playbooks, hosts);
    const main = fileURLToPath(new URL("../../src/edge/cli/main.js", import.meta.url));
    const runs = Array.from({ length: RUNS }, () => {
      const start = performance.now();
      const run = spawnSync(process.execPath, [main, "lint", "--format", "json", folder], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
      const wall = (performance.now() - start) / 1000;
      if (run.status !== 0) throw new Error(`lint ended with ${run.status ?? "a signal"}: ${run.stdout.slice(0, 500)}${run.stderr}`);
      const { findings, summary } = JSON.parse(run.stdout) as { findings: unknown[]; summary: { files: number } };
      if (summary.files !== playbooks + 1) throw new Error(`${summary.files} files were linted`);
      return { wall, findings: findings.length };
    });
    const measured = spawnSync("/usr/bin/env", ["bash", "-c", 'TIMEFORMAT="%U %S"; time "$@" >/dev/null', "-", process.execPath, main, "lint", folder], { encoding: "utf8" });
    const processor = measured.stderr.trim().split(/\s+/).map(Number).reduce((a, b) => a + b, 0);
    const [first] = runs;
    return { playbooks, hosts, wall: Math.min(...runs.map(({ wall }) => wall)), processor, findings: first?.findings ?? 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
