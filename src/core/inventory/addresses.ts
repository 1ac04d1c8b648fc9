/**
 * Names and addresses of hosts with a port, as Ansible takes them apart (parsing/utils/addresses.py): the port is taken
 * off only where the rest is a name or an address, perhaps with ranges.
 */

const NUMERIC_RANGE = "\\[[0-9]+:[0-9]+(?::[0-9]+)?\\]";
const HEX_RANGE = "\\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\\]";
const NAME_RANGE = "\\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\\]";
const V4 = `(?:[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]|${NUMERIC_RANGE})`;
const V6 = `(?:[0-9a-f]{1,4}|${HEX_RANGE})`;
const WORD = "\\p{L}\\p{N}_";
const LABEL = `(?:[${WORD}]|${NAME_RANGE})(?:[${WORD}\\-]|${NAME_RANGE})*(?<![_\\-])`;

const BRACKETED_PORT = /^\[(.+)\]:([0-9]+)$/;
const HOST_PORT = /^((?:[^:[\]]|\[[^\]]*\])*):([0-9]+)$/;

const ADDRESSES = [
  new RegExp(`^(?:${V4}\\.){3}${V4}$`, "iu"),
  // as there, only the last way of writing it is held to the end
  new RegExp(
    `^(?:${V6}:){7}${V6}|^(?:${V6}:){1,6}:|^(?:${V6}:)(?::${V6}){1,6}|^(?:${V6}:){2}(?::${V6}){1,5}|^(?:${V6}:){3}(?::${V6}){1,4}` +
      `|^(?:${V6}:){4}(?::${V6}){1,3}|^(?:${V6}:){5}(?::${V6}){1,2}|^(?:${V6}:){6}(?::${V6})|^:(?::${V6}){1,6}|^${V6}?::` +
      `|^(?:0:){6}(?:${V6}\\.){3}${V6}|^::(?:ffff:)?(?:${V6}\\.){3}${V6}|^(?:0:){5}ffff:(?:${V6}\\.){3}${V6}$`, "iu"),
  new RegExp(`^${LABEL}(?:\\.${LABEL})*$`, "iu"),
];

export interface Address {
  readonly host: string;
  readonly port?: number;
}

/** @returns undefined for what is no name and no address */
export function parseAddress(text: string): Address | undefined {
  const bracketed = BRACKETED_PORT.exec(text);
  let host = bracketed?.[1] ?? text;
  let port = bracketed?.[2];
  const plain = HOST_PORT.exec(host);
  if (plain !== null) [host, port] = [plain[1] ?? "", plain[2]];
  if (!ADDRESSES.some((address) => address.test(host))) return undefined;
  return { host, ...(port === undefined ? {} : { port: Number(port) }) };
}
