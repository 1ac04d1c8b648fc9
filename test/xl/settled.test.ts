import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Settled } from "../../src/core/model/domain.js";
import { observe } from "../../src/core/observe/observe.js";
import { unlikeGuest } from "../../src/core/switches/unlike-stored.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { differences } from "../../src/core/xl/settled.js";
import { readStoredConfig } from "../../src/core/xl/stored.js";
import { labReadings } from "../observe/many-guests.js";

/** What a config settles, beside what xl made of it: they have to be the same, and an edit of the config has to show. */

interface Recorded {
  readonly cases: Readonly<Record<string, { readonly rc: number; readonly config: object | null }>>;
}

const here = (path: string): URL => new URL(path, import.meta.url);
const { cases } = JSON.parse(readFileSync(here("recorded/xl-create-4.17.json"), "utf8")) as Recorded;
const texts = readdirSync(here("cases"))
  .flatMap((file) => (file.endsWith(".cfg") && cases[file.slice(0, -4)]?.rc === 0 ? [file.slice(0, -4)] : []))
  .map((name): readonly [string, string] => [name, new TextDecoder("utf-8", { ignoreBOM: true }).decode(readFileSync(here(`cases/${name}.cfg`)))]);

function ofText(text: string): Settled {
  const settled = readDomainConfig("/etc/xen/guest.cfg", { file: "guest.cfg", text }, "0", 1, "644").value?.settled;
  if (settled === undefined) throw new Error("xl would not read it");
  return settled;
}

function ofJson(config: object): Settled {
  const stored = readStoredConfig(JSON.stringify(config)).value;
  if (stored === undefined) throw new Error("no JSON");
  return { ...stored.settled, cards: stored.cards.map((card) => card.settled) };
}

const stored = (name: string): Settled => ofJson(cases[name]?.config ?? {});

describe("a config beside what xl stored of it", () => {
  it.each(texts)("has nothing different: %s", (name, text) => {
    expect(differences(ofText(text), stored(name))).toEqual([]);
  });

  it.each(["lab-web1-running", "lab-web1-moved"])("has nothing different in a Dom0 of the lab: %s", (name) => {
    const web1 = observe(labReadings(name)).value?.domains["web1"];
    expect(web1?.running?.settled).toHaveLength(1);
    expect(web1 === undefined ? ["no web1"] : unlikeGuest(web1)).toEqual([]);
  });

  const plain = texts.find(([name]) => name === "plain-pv")?.[1] ?? "";
  const keywords = texts.find(([name]) => name === "keywords")?.[1] ?? "";
  it.each<readonly [string, string, string, RegExp | undefined]>([
    ["more memory", "plain-pv", `${plain}memory = 1024\n`, /^memory 1 GiB 512 MiB\nmaxmem 1 GiB 512 MiB$/],
    ["room for more memory", "plain-pv", `${plain}maxmem = 768\n`, /^maxmem 768 MiB 512 MiB$/],
    ["a VCPU more", "plain-pv", `${plain}vcpus = 3\n`, /^vcpus 3 2\nmaxvcpus 3 2$/],
    ["VCPUs where there was nothing said of any", "keywords", `${keywords}vcpus = 2\n`, /^maxvcpus 2 1$/],
    ["the one VCPU that there was", "keywords", `${keywords}vcpus = 1\n`, undefined],
    ["another type", "plain-pv", `${plain}type = "pvh"\n`, /^type pvh pv$/],
    ["a kernel of its own", "plain-pv", `${plain}kernel = "/boot/k"\n`, /^kernel \/boot\/k nothing$/],
    ["another ramdisk", "keywords", `${keywords}ramdisk = "/boot/other"\n`, /^ramdisk \/boot\/other \/boot\/initrd.img$/],
    ["other words for the kernel", "plain-pv", `${plain}extra = "single"\n`, /^command line root=\/dev\/xvda2 ro single root=\/dev\/xvda2 ro$/],
    ["the same words, said in another way", "plain-pv", `${plain}cmdline = "root=/dev/xvda2  ro"\n`, undefined],
    ["a word for the kernel that is a secret", "plain-pv", `${plain}extra = "password=geheim"\n`, /^command line root=\/dev\/xvda2 ro password=REDACTED /],
    ["no bootloader", "plain-pv", `${plain}bootloader = ""\n`, /^bootloader nothing pygrub$/],
    ["what becomes of it when it reboots", "last-wins", "name = 'second'\nmemory = 64\nkernel = '/boot/vmlinuz'\non_reboot = 'rename-restart'\n", undefined],
    ["another end of it", "plain-pv", `${plain}on_crash = "coredump-restart"\n`, /^on_crash coredump_restart restart$/],
    ["another address", "plain-pv", `${plain}vif = ['ip=192.168.0.10,mac=0:16:3e:11:22:34']\n`, /^mac of network card 0 00:16:3e:11:22:34 00:16:3e:11:22:33$/],
    ["the same address in other letters", "plain-pv", `${plain}vif = ['mac=0:16:3E:11:22:33, ip=192.168.0.10']\n`, undefined],
    ["no address at all: it keeps the one that it has", "plain-pv", `${plain}vif = ['ip=192.168.0.10']\n`, undefined],
    ["another bridge", "keywords", `${keywords}vif = ['bridge=br7, ip=10.0.0.5 fe80::5', 'ip=10.1.0.5']\n`, /^bridge of network card 0 br7 xenbr0$/],
    ["a bridge where xl.conf may have one", "plain-pv", `${plain}vif = ['bridge=br7,ip=192.168.0.10']\n`, undefined],
    ["another IP address", "plain-pv", `${plain}vif = ['ip=192.168.0.11']\n`, /^ip of network card 0 192.168.0.11 192.168.0.10$/],
    // numbers of cards are the business of another check: which is which can not be said
    ["a card more", "plain-pv", `${plain}vif += ['ip=192.168.0.11']\n`, undefined],
    // an HVM guest's kernel is its firmware
    ["another password", "hvm", `${texts.find(([name]) => name === "hvm")?.[1] ?? ""}\nvncpasswd = 'other'\nkernel = '/hvmloader'\n`, undefined],
  ])("shows %s", (_, name, text, says) => {
    const found = differences(ofText(text), stored(name)).map(({ what, here: a, there }) => `${what} ${a} ${there}`).join("\n");
    if (says === undefined) expect(found).toBe("");
    else expect(found).toMatch(says);
  });

  it("says nothing of what cannot be known", () => {
    const known = ofText(plain);
    expect(differences(known, {})).toEqual([]);
    expect(differences(ofText("name = 'a'\nmemory = 64\nmemory += 1\nvnuma = [['pnode=0']]\nmaxvcpus = 'x'\n"), { memoryKiB: 1, maxMemoryKiB: 1, vcpus: 9, maxVcpus: 9 })).toEqual([]);
    expect(differences(known, ofJson({ c_info: { type: "pv" } }))).toEqual([]);
    // as libxl had it before 4.11, and memory that is reckoned out of what the guest had
    expect(differences(known, ofJson({
      c_info: { type: "pv" },
      b_info: { target_memkb: 524288 + 2048, max_memkb: 524288, max_vcpus: 2, cmdline: "root=/dev/xvda2 ro", "type.pv": { bootloader: "pygrub" } },
      on_reboot: "restart", on_crash: "restart",
    }))).toEqual([]);
  });
});
