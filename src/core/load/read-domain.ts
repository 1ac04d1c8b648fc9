import type { DesiredDiskPattern, DesiredDomainPattern, MoveOptions, ReadyCheck } from "../model/desired.js";
import type { Path } from "./document.js";
import { pathKey } from "./fill-play.js";
import { isGlob } from "./glob.js";
import type { PlayReader } from "./play-reader.js";
import { readMove } from "./read-move.js";
import type { DiskData, DomainData, ReadyData } from "./schema/playbook.js";
import { shellWords } from "./shell-words.js";
import { volumeNameProblem } from "./volume-name.js";
import { virtualDeviceNumber } from "../xl/vdev.js";

const READY_TIMEOUT_SECONDS = 60;

/** One entry of a play's `domains`, templates filled in and checked against the schema. */
export function readDomain(
  pattern: string, data: DomainData, path: Path, playMove: MoveOptions, reader: PlayReader,
): DesiredDomainPattern {
  const ready = data.ready === undefined ? undefined : readReady(data.ready, [...path, "ready"], reader);
  const disks = Object.entries(data.disks ?? {}).map(([name, disk]) => {
    return readDisk(name, disk, [...path, "disks", name], reader);
  });
  if (pattern.trim() === "") reader.complain("empty", "a guest needs a name", path, undefined, "key");
  return {
    pattern,
    isGlob: isGlob(pattern),
    play: reader.play,
    at: reader.at(path, "key"),
    disks,
    move: readMove(data.move, [...path, "move"], reader),
    playMove,
    keyAt: reader.keyPlaces(data, path),
    ...(ready === undefined ? {} : { ready }),
  };
}

const VDEV = /^(xvd|sd|hd|vd|d)[a-z0-9*?[\]!-]+$/;

function readDisk(name: string, data: DiskData, path: Path, reader: PlayReader): DesiredDiskPattern {
  if (!isGlob(name) && !VDEV.test(name) && virtualDeviceNumber(name) === undefined) {
    const fix = name.startsWith("/dev/") ? `Write ${name.slice(5)}` : "Name it as the guest's config does: xvda1";
    reader.complainOfPath("disk-name", `'${name}' is no name of a guest's disk`, path, fix, "key");
  }
  const bytes = data.size === undefined ? undefined : reader.bytes(data.size, [...path, "size"]);
  return {
    pattern: name,
    isGlob: isGlob(name),
    at: reader.at(path, "key"),
    move: readMove(data.move, [...path, "move"], reader),
    keyAt: reader.keyPlaces(data, path),
    ...(data.volume === undefined ? {} : readVolume(data.volume, [...path, "volume"], reader)),
    ...(bytes === undefined ? {} : { bytes }),
    ...(data.size === undefined ? {} : { sizeText: data.size }),
    ...(data.filesystem === undefined ? {} : { filesystem: data.filesystem }),
  };
}

function readVolume(text: string, path: Path, reader: PlayReader): Required<Pick<DesiredDiskPattern, "volume" | "volumeAt">> {
  const problem = volumeNameProblem(text);
  if (problem !== undefined) reader.complainOfPath("volume-name", `'${text}' ${problem.problem}`, path, problem.fix, "value");
  return { volume: reader.lateVolumes.get(pathKey(path)) ?? (() => text), volumeAt: reader.at(path) };
}

function readReady(data: ReadyData, path: Path, reader: PlayReader): ReadyCheck | undefined {
  const timeoutSeconds = reader.limit(data.timeout, [...path, "timeout"]) ?? READY_TIMEOUT_SECONDS;
  if (data.tcp !== undefined && data.command !== undefined) {
    reader.complain("ready-twice", "'ready' is a port or a command, not both", [...path, "command"], "Take one out");
    return undefined;
  }
  if (data.tcp !== undefined) {
    const { address } = data;
    return { kind: "tcp", port: data.tcp, timeoutSeconds, ...(address === undefined ? {} : { address }) };
  }
  if (data.address !== undefined) {
    reader.complain("ready-address", "'address' says where a port is, and no port is given", [...path, "address"], "Add tcp: 22");
    return undefined;
  }
  if (data.command === undefined) {
    const fix = "Add tcp: 22, or command: […]; leave ready out to wait ten seconds";
    reader.complain("missing-key", "'ready' needs a port or a command", path, fix);
    return undefined;
  }
  const command = commandWords(data.command, [...path, "command"], reader);
  return command === undefined ? undefined : { kind: "command", command, timeoutSeconds };
}

function commandWords(
  data: NonNullable<ReadyData["command"]>, path: Path, reader: PlayReader,
): readonly [string, ...string[]] | undefined {
  let words: readonly string[];
  if (typeof data === "string") {
    const split = shellWords(data);
    if ("problem" in split) {
      reader.complain("ready-command", `in this command ${split.problem}`, path);
      return undefined;
    }
    const operator = split.words.find((word) => /^(?:[|&;<>]+|\d?>&?\d?|.*\$\(.*)$/.test(word.text));
    if (operator !== undefined) {
      const fix = "For a shell's work write a list: [sh, -c, \"…\"]";
      reader.complain("ready-command", `'${operator.text}' is for a shell, and no shell runs this command`, path, fix);
      return undefined;
    }
    words = split.words.map((word) => word.text);
  } else words = data.map(String);
  const [first, ...rest] = words;
  if (first === undefined || first === "") {
    reader.complain("empty", "'command' is empty", path);
    return undefined;
  }
  if (words.some((word) => word.includes("\0"))) {
    reader.complain("ready-command", "a command can not hold a NUL character", path);
    return undefined;
  }
  return [first, ...rest];
}
