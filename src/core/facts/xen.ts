import { absent, isMissingTool, known, unreadable, type FirstFact } from "./fact.js";

export interface ReportedXen {
  /** `4.17.5`. */
  readonly version: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Words of `virt_caps`: `pv`, `hvm`, `hap`, `shadow`… Unset where this Xen has no such line. */
  readonly capabilities?: readonly string[];
}

const MIB = 1024 * 1024;

/** What the hypervisor says of itself: xl(1), "info". */
export const fact: FirstFact<ReportedXen> = {
  name: "xen",
  round: 1,
  command: ["xl", "info"],
  parse(result) {
    if (isMissingTool(result)) return absent;
    const values = new Map<string, string>();
    for (const line of result.stdout.split("\n")) {
      const match = /^(\w+)\s*:\s?(.*)$/.exec(line);
      if (match?.[1] !== undefined) values.set(match[1], (match[2] ?? "").trim());
    }
    const version = values.get("xen_version") ?? "";
    const free = Number(values.get("free_memory"));
    if (result.exitCode !== 0 || version === "") return unreadable("hypervisor", result);
    const capabilities = values.get("virt_caps");
    return known({
      version,
      ...(capabilities === undefined ? {} : { capabilities: capabilities.split(/\s+/).filter((word) => word !== "") }),
      totalBytes: (Number(values.get("total_memory")) || 0) * MIB,
      freeBytes: (Number.isFinite(free) ? free : 0) * MIB,
    });
  },
};
