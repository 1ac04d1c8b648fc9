import type { Connection } from "./connection.js";

/**
 * A saved plan carries how its hosts are reached, and who gets to write into the file can make its digest fit again. On
 * the machine that runs converge such a file must start nothing but ssh itself: what follows is what may come from one.
 * All else, and whatever is not known here, has to come from an inventory, which is its author's word.
 */

const NUMBER = /^\d{1,5}$/;
const YES_OR_NO = /^(yes|no)$/i;
/** No colon: some OpenSSH take `pkcs11:…?module-path=…` for a key, and load that library into themselves. */
const KEY = /^[\p{L}\p{N}_.~/][\p{L}\p{N} _.~/+@,=-]*$/u;
/** ssh_config of the user may hand address and login to a shell (ProxyCommand and `Match exec`, %h and %r). */
const ADDRESS = /^[\p{L}\p{N}_:][\p{L}\p{N}_.:@-]*(%[\p{L}\p{N}_.-]+)?$/u;
const LOGIN = /^[\p{L}\p{N}_][\p{L}\p{N}_.@+-]*$/u;

const FLAGS: readonly string[] = ["-4", "-6", "-C", "-a", "-k", "-v", "-x"];
const FLAGS_WITH_VALUE: Readonly<Record<string, RegExp>> = { "-i": KEY, "-l": LOGIN, "-p": NUMBER };

/**
 * Options of ssh_config(5) by which ssh starts no program, loads no library, opens no socket of another's, writes no file
 * and trusts no other host key, with the values for which that holds. Left out on purpose are what runs or loads something
 * (ProxyCommand, ProxyJump, LocalCommand, PermitLocalCommand, KnownHostsCommand, PKCS11Provider, SecurityKeyProvider,
 * XAuthLocation, Include, `-F`), sockets (ControlPath, `-S`, an agent), files of known hosts, which say who is
 * trusted and which ssh may add lines to, files of logs (`-E`), and whatever forwards.
 */
const OPTIONS: Readonly<Record<string, RegExp>> = {
  AddressFamily: /^(any|inet6?)$/i,
  BatchMode: /^yes$/i,
  Compression: YES_OR_NO,
  ConnectionAttempts: NUMBER,
  ConnectTimeout: NUMBER,
  ForwardAgent: /^no$/i,
  ForwardX11: /^no$/i,
  IdentitiesOnly: YES_OR_NO,
  IdentityAgent: /^none$/i,
  IdentityFile: KEY,
  LogLevel: /^(quiet|fatal|error|info|verbose|debug[1-3]?)$/i,
  Port: NUMBER,
  ServerAliveCountMax: NUMBER,
  ServerAliveInterval: NUMBER,
  StrictHostKeyChecking: /^yes$/i,
  TCPKeepAlive: YES_OR_NO,
  User: LOGIN,
};
/** ssh does not tell capitals from small letters in them. */
const BY_SMALL_LETTERS: ReadonlyMap<string, RegExp> = new Map(Object.entries(OPTIONS).map(([name, value]) => [name.toLowerCase(), value]));

/**
 * What keeps a connection that a saved plan carries from being used, as the end of a sentence; undefined where nothing does.
 * @param connection as it stands in the file
 */
export function whyNotCarried({ kind, address, user, privateKeyFile, sshArguments }: Connection): string | undefined {
  if (kind === "local") return "runs its commands on this machine";
  if (kind === "recorded") return undefined;
  if (!ADDRESS.test(address)) return `is reached at '${address}', which is no plain address`;
  if (user !== undefined && !LOGIN.test(user)) return `is logged in to as '${user}', which is no plain name`;
  if (privateKeyFile !== undefined && !KEY.test(privateKeyFile)) return `is reached with the key '${privateKeyFile}', which is no plain file name`;
  const words = notKnownHarmless(sshArguments);
  return words === undefined ? undefined : `is reached by ssh with '${words}', which is not known to run nothing on this machine`;
}

/** The first of ssh's arguments that is not known to be harmless, with its value. */
function notKnownHarmless(words: readonly string[]): string | undefined {
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? "";
    if (FLAGS.includes(word)) continue;
    const next = words[i + 1];
    const value = Object.hasOwn(FLAGS_WITH_VALUE, word) ? FLAGS_WITH_VALUE[word] : undefined;
    if (value !== undefined && next !== undefined && value.test(next)) i += 1;
    else if (word === "-o" && next !== undefined && isHarmlessOption(next)) i += 1;
    else if (!(word.startsWith("-o") && isHarmlessOption(word.slice(2)))) return /^-[a-zA-Z]$/.test(word) && next !== undefined ? `${word} ${next}` : word;
  }
  return undefined;
}

/** An option as `-o` takes it: a line of ssh_config, its name and value parted by blanks or one `=`. */
function isHarmlessOption(text: string): boolean {
  const [, name = "", value = ""] = /^ *([A-Za-z0-9]+)(?: *= *| +)(.*)$/.exec(text) ?? [];
  return BY_SMALL_LETTERS.get(name.toLowerCase())?.test(value) === true;
}
