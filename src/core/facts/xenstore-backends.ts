import type { CommandResult } from "../model/command.js";
import type { AttachedDisk } from "../model/domain.js";
import { devnoOfHex } from "./devno.js";
import { redactInside } from "../xl/secrets.js";
import { absent, isMissingTool, known, unreadable, type FirstFact } from "./fact.js";

/** A guest's disk as Dom0's backends have it in xenstore. */
export interface ReportedBackend extends AttachedDisk {
  readonly domid: number;
  readonly access: "r" | "w";
  readonly cdrom: boolean;
}

const ROOT = "/local/domain/0/backend";
// /local/domain/0/backend/vbd/1/51713/params = "/srv/xen/web1.img"
const LINE = /^\/local\/domain\/0\/backend\/(\w+)\/(\d+)\/(\d+)\/([\w-]+) = "(.*)"$/;
/** Kinds of backend that are disks: blkback, QEMU, blktap in its several ages. */
const DISKS = new Set(["vbd", "qdisk", "tap", "tap2", "vbd3"]);
const decoder = new TextDecoder();
/** A frontend without a backend of this kind has nothing there. */
const NONE = /couldn't find path|No such file|ENOENT/i;

/** Disks really attached, from Dom0's backends (xenstore-paths(7)). */
export const fact: FirstFact<readonly ReportedBackend[]> = {
  name: "xenstore-backends",
  round: 1,
  command: ["xenstore-ls", "-f", ROOT],
  parse(result) {
    if (isMissingTool(result)) return absent;
    if (result.exitCode !== 0) {
      // a tool that was given up, or killed, has said nothing either
      const nothing = NONE.test(result.stderr) || (result.stderr.trim() === "" && result.stdout === "" && result.exitCode < 124);
      return nothing ? known([]) : unreadable("attached disks", result);
    }
    const devices = new Map<string, Device>();
    for (const line of result.stdout.split("\n")) {
      const match = LINE.exec(line);
      if (match === null || !DISKS.has(match[1] ?? "")) continue;
      const [, kind = "", domid = "", id = "", key = "", value = ""] = match;
      const device = `${kind}/${domid}/${id}`;
      let found = devices.get(device);
      if (found === undefined) devices.set(device, found = { kind, domid, id, values: new Map() });
      found.values.set(key, value);
    }
    return known([...devices.values()].map(readBackend));
  },
  redact(result: CommandResult) {
    // what is no disk is not read, and a vfb holds a password
    const isDisk = (line: string): boolean => DISKS.has(line.slice(ROOT.length + 1).split("/", 1)[0] ?? "");
    const lines = result.stdout.split("\n").filter(isDisk);
    const harmless = (line: string): string => line.replace(/(?<= = ").*(?="$)/, (value) => redactInside(value));
    return { ...result, stdout: lines.map((line) => `${harmless(line)}\n`).join("") };
  },
};

interface Device {
  readonly kind: string;
  readonly domid: string;
  readonly id: string;
  readonly values: Map<string, string>;
}

function readBackend({ kind, domid, id, values }: Device): ReportedBackend {
  const value = (key: string): string => unescape(values.get(key) ?? "");
  // hexadecimal in xenstore
  const devno = devnoOfHex(value("physical-device"));
  return {
    domid: Number(domid),
    vdev: value("dev") === "" ? id : value("dev"),
    params: value("params"),
    backend: kind === "vbd" || kind === "qdisk" ? kind : "other",
    ...(devno === undefined ? {} : { devno }),
    state: Number(value("state")) || 0,
    access: value("mode").startsWith("r") ? "r" : "w",
    cdrom: value("device-type") === "cdrom",
  };
}

/** xenstore-ls writes each byte that is not printable as C does (tools/xs_lib.c, sanitise_value): a path in UTF-8 comes so. */
function unescape(text: string): string {
  if (!text.includes("\\")) return text;
  const characters = text.replace(/\\(t|n|r|\\|"|x[0-9a-fA-F]{2}|[0-7]{1,3})/g, (_, code: string) => {
    if (code === "t") return "\t";
    if (code === "n") return "\n";
    if (code === "r") return "\r";
    if (code === "\\" || code === '"') return code;
    return String.fromCharCode(code.startsWith("x") ? parseInt(code.slice(1), 16) : parseInt(code, 8));
  });
  const codes = Array.from(characters, (character) => character.charCodeAt(0));
  return codes.every((code) => code < 0x80) || codes.some((code) => code > 0xff) ? characters : decoder.decode(Uint8Array.from(codes));
}
