import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { readStoredConfig } from "../../src/core/xl/stored.js";

/**
 * Whole configs, and what the real `xl -N create` made of them: cases/*.cfg and recorded/xl-create-4.17.json.
 */

interface Recorded {
  readonly cases: Readonly<Record<string, { readonly rc: number; readonly config: XlJson | null }>>;
}

interface XlJson {
  readonly c_info: { readonly name: string; readonly type: string };
  readonly b_info: { readonly target_memkb?: number };
  readonly on_poweroff?: string;
  readonly on_reboot?: string;
}

const here = (path: string): URL => new URL(path, import.meta.url);
const recorded = JSON.parse(readFileSync(here("recorded/xl-create-4.17.json"), "utf8")) as Recorded;
const names = readdirSync(here("cases"))
  .filter((name) => name.endsWith(".cfg"))
  .map((name) => name.slice(0, -4));

function read(name: string): ReturnType<typeof readDomainConfig> {
  const bytes = readFileSync(here(`cases/${name}.cfg`));
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return readDomainConfig(
    `/etc/xen/${name}.cfg`,
    { file: `${name}.cfg on dom0`, text },
    "0".repeat(64),
    4711,
    "644",
  );
}

describe.each(names)("cases/%s.cfg", (name) => {
  const xl = recorded.cases[name];
  const { value, diagnostics } = read(name);

  it("gets the verdict that xl gives", () => {
    expect(value === undefined).toBe(xl?.rc !== 0);
    for (const { at, severity } of diagnostics) {
      expect(at?.source.file).toBe(`${name}.cfg on dom0`);
      if (value === undefined)
        expect(
          diagnostics.some((d) => d.severity === "error"),
          severity,
        ).toBe(true);
    }
  });

  if (xl?.rc !== 0) return;
  it("has the values that xl reads", () => {
    const json = xl.config;
    const stored = readStoredConfig(JSON.stringify(json)).value;
    expect(value?.name).toBe(json?.c_info.name);
    expect(value?.type).toBe(json?.c_info.type);
    expect(value?.disks).toEqual(stored?.disks);
    expect(value?.onPoweroff).toBe(json?.on_poweroff ?? "destroy");
    expect(stored?.onPoweroff).toBe(json?.on_poweroff);
    expect(value?.onReboot).toBe((json?.on_reboot ?? "destroy").replace("restart_rename", "rename-restart"));
    if (value?.memoryMiB !== undefined) expect(value.memoryMiB * 1024).toBe(json?.b_info.target_memkb);
    if (value?.uuid !== undefined) expect(value.uuid).toBe(stored?.uuid);
  });
});

describe("readDomainConfig", () => {
  it("takes the addresses of the network interfaces", () => {
    expect(read("keywords").value?.addresses).toEqual(["10.0.0.5", "fe80::5", "10.1.0.5"]);
    expect(read("plain-pv").value?.addresses).toEqual(["192.168.0.10"]);
    expect(read("no-list").value?.addresses).toEqual([]);
  });

  it("points at the character inside the disk's string", () => {
    const [complaint] = read("bad-disk").diagnostics;
    expect(complaint?.at?.source.text.slice(complaint.at.start, complaint.at.end)).toBe("w!");
  });

  it("keeps what it was told of the file", () => {
    expect(read("plain-pv").value).toMatchObject({ path: "/etc/xen/plain-pv.cfg", inode: 4711, mode: "644" });
  });
});
