import { formatBytes } from "../model/bytes.js";
import type { DomainConfig, Settled, SettledCard } from "../model/domain.js";
import { redactInside } from "./secrets.js";
import type { XlSettings } from "./settings.js";
import { numberOf, stringOf, stringsOf } from "./settings.js";

/**
 * What a config settles, with the defaults that xl has (parse_config_data in tools/xl/xl_parse.c). Of what xl gets from
 * elsewhere where the config says nothing, such as a card's bridge from xl.conf, nothing is said here either.
 */
export function settledBy(settings: XlSettings, type: DomainConfig["type"]): Settled {
  const text = (key: string): string => stringOf(settings, key) ?? "";
  // which has memory and VCPUs of its own
  const nodes = settings.has("vnuma");
  const memory = mebibytes(settings, "memory");
  const maxMemory = settings.has("maxmem") ? mebibytes(settings, "maxmem") : memory;
  const vcpus = settings.has("vcpus") ? numberOf(settings, "vcpus") : undefined;
  const maxVcpus = settings.has("maxvcpus") ? numberOf(settings, "maxvcpus") : settings.has("vcpus") ? vcpus : 1;
  return {
    type,
    ...(memory === undefined ? {} : { memoryKiB: memory }),
    ...(maxMemory === undefined || nodes ? {} : { maxMemoryKiB: maxMemory }),
    ...(vcpus === undefined ? {} : { vcpus }),
    ...(maxVcpus === undefined || nodes ? {} : { maxVcpus }),
    // an HVM guest's is its firmware, with exceptions of its own
    ...(type === "hvm"
      ? {}
      : { kernel: text("kernel"), ramdisk: text("ramdisk"), cmdline: cmdlineOf(settings), bootloader: text("bootloader") }),
    devices: {
      vtpm: stringsOf(settings, "vtpm").length, "9pfs": stringsOf(settings, "p9").length, vscsi: stringsOf(settings, "vscsi").length,
      // a device brings a controller of its own where there is none left
      ...(settings.has("usbdev") ? {} : { vusb: stringsOf(settings, "usbctrl").length }),
    },
    onPoweroff: actionOf(stringOf(settings, "on_poweroff") ?? "destroy"),
    onReboot: actionOf(stringOf(settings, "on_reboot") ?? "restart"),
    onCrash: actionOf(stringOf(settings, "on_crash") ?? "destroy"),
    cards: stringsOf(settings, "vif").map(({ value }) => cardOf(value)),
  };
}

function mebibytes(settings: XlSettings, key: string): number | undefined {
  const value = numberOf(settings, key);
  return value === undefined ? undefined : value * 1024;
}

/** `cmdline` beats `root` and `extra` (parse_cmdline). */
function cmdlineOf(settings: XlSettings): string {
  const [cmdline, root, extra] = ["cmdline", "root", "extra"].map((key) => stringOf(settings, key));
  if (cmdline !== undefined) return cmdline;
  if (root === undefined) return extra ?? "";
  return extra === undefined ? `root=${root}` : `root=${root} ${extra}`;
}

/** libxl's word for an action: it has `_` for `-`, and one of them turned round. */
export function actionOf(word: string): string {
  return word === "rename-restart" ? "restart_rename" : word.replaceAll("-", "_");
}

/** Of an option that stands twice the last one counts, and only blanks may stand before its name (parse_nic_config). */
function cardOf(vif: string): SettledCard {
  const given: Record<string, string> = {};
  for (const option of vif.split(",")) {
    const match = /^ *(mac|bridge|script|ip|vifname)=([^]*)$/.exec(option);
    if (match !== null) given[match[1] ?? ""] = match[2] ?? "";
  }
  const { mac, bridge, script, ip = "", vifname } = given;
  const read = mac === undefined ? undefined : macOf(mac);
  return {
    ip: plain(ip),
    ...(read === undefined ? {} : { mac: read }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(script === undefined ? {} : { script }),
    ...(vifname === undefined ? {} : { name: vifname }),
  };
}

/** Six hexadecimal numbers, whatever stands between them, as libxl writes them; undefined where they are none. */
export function macOf(text: string): string | undefined {
  const octets = text.trim().split(/[:-]/);
  if (octets.length !== 6 || !octets.every((octet) => /^[0-9a-f]{1,2}$/i.test(octet))) return undefined;
  return octets.map((octet) => octet.toLowerCase().padStart(2, "0")).join(":");
}

/** With single blanks. */
export function plain(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

/** One thing that two views of a guest do not have alike, in words. */
export interface Difference {
  readonly what: string;
  readonly here: string;
  readonly there: string;
}

/** Reckoned out of what a guest had when it was built anew, its memory comes out a little less or more (libxl__get_targetmem_fudge). */
export function isSameMemory(a: number, b: number): boolean {
  return Math.abs(a - b) <= 4096 + Math.max(a, b) / 64;
}

/** What two views of a guest have differently, of that which both of them know. */
export function differences(here: Settled, there: Settled): readonly Difference[] {
  const found: Difference[] = [];
  const compare = <T>(what: string, a: T | undefined, b: T | undefined, show: (value: T) => string, same = (x: T, y: T): boolean => x === y): void => {
    if (a !== undefined && b !== undefined && !same(a, b)) found.push({ what, here: show(a), there: show(b) });
  };
  const memory = (value: number): string => formatBytes(value * 1024);
  const word = (value: string): string => (value === "" ? "nothing" : redactInside(value));
  compare("type", here.type, there.type, word);
  compare("memory", here.memoryKiB, there.memoryKiB, memory, isSameMemory);
  compare("maxmem", here.maxMemoryKiB, there.maxMemoryKiB, memory, isSameMemory);
  compare("vcpus", here.vcpus, there.vcpus, String);
  compare("maxvcpus", here.maxVcpus, there.maxVcpus, String);
  compare("kernel", here.kernel, there.kernel, word);
  compare("ramdisk", here.ramdisk, there.ramdisk, word);
  compare("command line", here.cmdline, there.cmdline, word, (a, b) => plain(a) === plain(b));
  compare("bootloader", here.bootloader, there.bootloader, word);
  compare("on_poweroff", here.onPoweroff, there.onPoweroff, word);
  compare("on_reboot", here.onReboot, there.onReboot, word);
  compare("on_crash", here.onCrash, there.onCrash, word);
  const cards = here.cards ?? [];
  // which is which can only be said where both have as many
  if (cards.length === there.cards?.length) {
    cards.forEach((card, at) => {
      const other = there.cards?.[at];
      if (other === undefined) return;
      compare(`mac of network card ${at}`, card.mac, other.mac, word);
      compare(`bridge of network card ${at}`, card.bridge, other.bridge, word);
      compare(`script of network card ${at}`, card.script, other.script, word, (a, b) => baseOf(a) === baseOf(b));
      compare(`ip of network card ${at}`, card.ip, other.ip, word);
      compare(`vifname of network card ${at}`, card.name, other.name, word);
    });
  }
  return found;
}

/** A script without a folder is one of /etc/xen/scripts. */
function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
