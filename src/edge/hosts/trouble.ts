import type { Checked, Diagnostic } from "../../core/model/diagnostic.js";

/** Codes that mean: the host could not be reached, or not in the way that was asked. */
const UNREACHABLE = new Set([
  "host-unreachable", "host-unresolved", "host-key", "ssh-auth", "ssh-config", "ssh-missing", "ssh-negotiation",
  "controller-trouble", "connection-lost", "host-timeout", "become-refused", "become-missing",
]);

/** Whether a diagnostic says that a host could not be reached (exit code 4), rather than what is wrong there. */
export function isUnreachable(diagnostic: Diagnostic): boolean {
  return UNREACHABLE.has(diagnostic.code);
}

/** Of those the ones that come after a command was sent: it may go on on the host. */
const SENT = new Set(["connection-lost", "host-timeout"]);

/** Whether a diagnostic says that a command was surely not begun on its host. */
export function isUnsent(diagnostic: Diagnostic): boolean {
  return isUnreachable(diagnostic) && !SENT.has(diagnostic.code);
}

/** No value, and the error that says why. */
export function refuse(diagnostic: Omit<Diagnostic, "severity">): Checked<never> {
  return { value: undefined, diagnostics: [{ severity: "error", ...diagnostic }] };
}

/** Nothing is wrong with the host: it was not asked at all, or not by this command. */
export function controllerTrouble(host: string, why: string, fix: string): Omit<Diagnostic, "severity"> {
  return { code: "controller-trouble", summary: `${host} can not be asked from here: ${why}`, subject: { host }, fix };
}

/** Nothing more can be started on this machine. */
export function noRoom(host: string, shortage: string): Omit<Diagnostic, "severity"> {
  return controllerTrouble(host, shortage, "Take fewer hosts at a time (-f), or raise the limit: see what `ulimit -n` and `ulimit -u` say.");
}

interface Cause {
  readonly pattern: RegExp;
  readonly code: string;
  readonly summary: (address: string) => string;
  readonly fix: (address: string) => string;
  /** What there is to say besides where ssh could not ask: it does not tell what it would have asked for. */
  readonly unasked?: string;
}

/** Whether ssh may get further where it can ask: for a pass phrase or a password, or about a host key. */
export function mayBeAnswered({ code }: Diagnostic): boolean {
  return code === "ssh-auth" || code === "host-key";
}

// What OpenSSH says (sshconnect.c, sshconnect2.c, misc.c); the first that matches is the cause.
const CAUSES: readonly Cause[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: "host-key",
    summary: (a) => `${a} shows another host key than the one that is known`,
    fix: (a) =>
      `Find out why the key changed. If it is rightly new: ssh-keygen -R ${a}, then ssh ${a} once by hand.`,
  },
  {
    pattern: /Host key verification failed|No \S+ host key is known/,
    code: "host-key",
    summary: (a) => `the host key of ${a} is not known`,
    fix: (a) => `Log in once by hand (ssh ${a}), compare the fingerprint, and accept it.`,
  },
  {
    pattern: /Could not resolve hostname|Name or service not known/i,
    code: "host-unresolved",
    summary: (a) => `no address is known for ${a}`,
    fix: () => "Check the name, or set ansible_host in the inventory.",
  },
  {
    pattern: /Permission denied \(|Too many authentication failures|No more authentication methods/,
    code: "ssh-auth",
    summary: (a) => `${a} did not accept the login`,
    fix: () =>
      "Check ansible_user and ansible_ssh_private_key_file, or load the key: ssh-add -l shows what the agent has.",
    unasked: "There is no terminal on which ssh could ask: a key with a pass phrase has to be in the agent (ssh-add).",
  },
  {
    pattern:
      /Bad owner or permissions|Bad configuration option|terminating, \d+ bad|unsupported option|usage: ssh/i,
    code: "ssh-config",
    summary: () => "ssh refuses its configuration or its arguments",
    fix: () => "Check ~/.ssh/config and ansible_ssh_common_args.",
  },
  {
    pattern: /Unable to negotiate|no matching .* found/,
    code: "ssh-negotiation",
    summary: (a) => `${a} and this ssh have no algorithm in common`,
    fix: () => "Allow one for this host in ~/.ssh/config, or renew the host's sshd.",
  },
  {
    pattern: /Connection refused/,
    code: "host-unreachable",
    summary: (a) => `${a} refuses connections`,
    fix: () => "Check that sshd runs there, and ansible_port.",
  },
  {
    pattern:
      /timed out|Timeout, server|No route to host|Network is unreachable|Connection (closed|reset)|kex_exchange/i,
    code: "host-unreachable",
    summary: (a) => `${a} does not answer`,
    fix: (a) => `Check that the host is up and the way there is open: ssh ${a} true`,
  },
];

/**
 * Why ssh could not connect, from what it said.
 * @param mayAsk whether it could ask on a terminal
 */
export function sshTrouble(stderr: string, address: string, mayAsk: boolean): Diagnostic {
  const said = stderr.trim();
  const cause = CAUSES.find(({ pattern }) => pattern.test(said));
  const fix = cause?.fix(address) ?? `See what this says: ssh ${address} true`;
  const unasked = mayAsk ? undefined : cause?.unasked;
  return {
    severity: "error",
    code: cause?.code ?? "host-unreachable",
    summary: cause?.summary(address) ?? `${address} could not be reached`,
    ...(said === "" ? {} : { detail: said.split("\n").slice(-8).join("\n") }),
    fix: unasked === undefined ? fix : `${fix} ${unasked}`,
  };
}
