import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** `converge inventory --list` beside the real ansible-inventory: the whole process, start-up included. */

export interface InventoryTimes {
  readonly hosts: number;
  /** Seconds on the clock, the best of several runs. */
  readonly converge: number;
  /** Unset where ansible-inventory is not installed. */
  readonly ansible?: number;
  /** Both print the same bytes. */
  readonly same: boolean;
}

const GROUPS = 100;
const HOSTS_PER_GROUP = 100;
const RUNS = 5;
const MAX_BYTES = 64 * 1024 * 1024;
const main = fileURLToPath(new URL("../../src/edge/cli/main.js", import.meta.url));

export function compareInventories(): InventoryTimes {
  const folder = mkdtempSync(join(tmpdir(), "converge-bench-"));
  try {
    writeFileSync(join(folder, "hosts.yml"), manyHosts());
    const converge = best([process.execPath, main, "inventory", "-i", "hosts.yml", "--list"], folder, RUNS);
    if (converge === undefined) throw new Error("converge inventory failed");
    const ansible = best(["ansible-inventory", "-i", "hosts.yml", "--list"], folder, 2);
    return {
      hosts: GROUPS * HOSTS_PER_GROUP, converge: converge.seconds,
      ...(ansible === undefined ? {} : { ansible: ansible.seconds }), same: ansible === undefined || ansible.text === converge.text,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function best([command = "", ...words]: readonly string[], folder: string, runs: number): { readonly seconds: number; readonly text: string } | undefined {
  let found: { readonly seconds: number; readonly text: string } | undefined;
  for (let run = 0; run < runs; run += 1) {
    const start = performance.now();
    const { status, stdout } = spawnSync(command, words, {
      cwd: folder, encoding: "utf8", maxBuffer: MAX_BYTES, env: { PATH: process.env["PATH"], HOME: folder, LC_ALL: "C.UTF-8" },
    });
    const seconds = (performance.now() - start) / 1000;
    if (status !== 0) return undefined;
    if (found === undefined || seconds < found.seconds) found = { seconds, text: stdout };
  }
  return found;
}

/** Groups with variables of their own, and hosts with an address, a port, text, a boolean and a list. */
function manyHosts(): string {
  const lines = ["all:", "  vars:", "    ntp: ntp.example.org", "    packages: [lvm2, rsync, xen-utils]", "  children:"];
  for (let group = 0; group < GROUPS; group += 1) {
    lines.push(
      `    rack${String(group).padStart(3, "0")}:`, "      vars:", `        rack: ${group}`, `        vg: vg${group % 4}`,
      `        mirrors: { primary: m${group}.example.org, backup: m${(group + 1) % GROUPS}.example.org }`, "      hosts:",
    );
    for (let i = 0; i < HOSTS_PER_GROUP; i += 1) {
      const host = group * HOSTS_PER_GROUP + i;
      lines.push(
        `        dom0-${String(host).padStart(5, "0")}.example.org:`, `          ansible_host: 10.0.${host >> 8}.${host & 255}`,
        `          ansible_port: ${host % 3 === 0 ? 2222 : 22}`, `          serial: "SN-${String(host).padStart(8, "0")}"`,
        `          spare: ${host % 2 === 0 ? "no" : "true"}`, "          disks: [sda, sdb]",
      );
    }
  }
  return `${lines.join("\n")}\n`;
}
