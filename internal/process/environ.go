package process

import (
	"regexp"
	"slices"
	"strings"
)

// MarkName is a variable that everything a program starts inherits, so that processes
// that left its group can still be found.
const MarkName = "EXEC_COMMAND_ID"

// secretName matches names of variables that hold keys: OPENAI_API_KEY, GITHUB_TOKEN,
// DB_PASSWORD, AWS_SECRET_ACCESS_KEY. Names that only contain such letters
// (KEYBOARD, TOKENIZERS_PARALLELISM, SSH_AUTH_SOCK) stay.
var secretName = regexp.MustCompile(`(?i)(^|_)(API_?KEYS?|KEYS?|TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|PWD_?HASH|CREDENTIALS?|PAT|DSN)(_|$)|(APIKEY|TOKEN|SECRET|PASSWORD)$`)

// Environ is what of an environment a program may see: no variables of the gateway's own,
// none whose name says that it holds a key, unless keep names it, and none that holds one
// of the secrets.
func Environ(environ, keep, secrets []string) []string {
	var out []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if passes(name, value, keep, secrets) {
			out = append(out, entry)
		}
	}
	return out
}

func passes(name, value string, keep, secrets []string) bool {
	upper := strings.ToUpper(name)
	switch {
	case strings.HasPrefix(upper, "HEARTH_"), strings.HasPrefix(upper, "OPENCLAW_"), name == MarkName:
		return false
	case slices.ContainsFunc(secrets, func(s string) bool { return len(s) >= 6 && strings.Contains(value, s) }):
		return false
	case slices.Contains(keep, name):
		return true
	}
	return !secretName.MatchString(name)
}
