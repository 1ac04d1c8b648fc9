/**
 * Ways to set XENDOMAINS_SAVE to DIR in /etc/default/xendomains. A plan and its program have to make the same of each: the one
 * reads them by a fact, the other by runtime/xendomains.sh.
 */

/** In quotes. */
export const PLAIN = [
  'XENDOMAINS_SAVE="DIR"', "XENDOMAINS_SAVE='DIR'", 'XENDOMAINS_SAVE="DIR" # here', 'XENDOMAINS_SAVE="DIR"   ', 'export XENDOMAINS_SAVE="DIR"',
  '  XENDOMAINS_SAVE="DIR"', '\t export \t XENDOMAINS_SAVE="DIR"', 'XENDOMAINS_SAVE="DIR/"', 'XENDOMAINS_SAVE="DIR"; X=1', "XENDOMAINS_RESTORE=true # see XENDOMAINS_SAVE\nXENDOMAINS_SAVE='DIR'",
];
export const BARE = ["XENDOMAINS_SAVE=DIR", "XENDOMAINS_SAVE=DIR # here", "XENDOMAINS_SAVE=DIR  ", "export XENDOMAINS_SAVE=DIR", "XENDOMAINS_SAVE=DIR;X=1"];
/** Only a shell could tell what they set it to. */
export const UNCLEAR = [
  'B="DIR"\nXENDOMAINS_SAVE=$B', 'XENDOMAINS_SAVE="$(echo DIR)"', "XENDOMAINS_SAVE=`echo DIR`", "XENDOMAINS_SAVE=DIR\\ x", 'XENDOMAINS_SAVE="DIR"x',
  "XENDOMAINS_SAVE=~/save", "X=1; XENDOMAINS_SAVE=DIR", ': "${XENDOMAINS_SAVE:=DIR}"', 'XENDOMAINS_SAVE="DIR',
];

/** The usual directory is meant. */
export const USUAL = ["", "XENDOMAINS_SAVE=", 'XENDOMAINS_SAVE=""  # never'];
