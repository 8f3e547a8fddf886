package main

//go:generate go test -run ^TestTheReferenceIsCurrent$ -update .

import (
	"strings"

	"github.com/spf13/cobra"
)

// helpText is what a command's --help says beyond its flags.
type helpText struct {
	long    string
	example string // one command a line, without "hearth "
}

// helpTexts are by command path, without "hearth ".
var helpTexts = map[string]helpText{
	"up": {
		long: `At a terminal this is a chat. With --message it answers once and ends; with text on
standard input every line is a turn; with neither it prints what is in use.

A config is written the first time a server is found; later ones are used as they are.
Without any server the demo model answers, which says that it is one.`,
		example: `up
up --server http://192.168.1.20:8080
up --message "What is in this folder?" --workspace ~/notes
echo "Summarise notes.md" | hearth up`,
	},
	"agent": {
		long: `Answers one message of a conversation that is kept on disk, and lets the model use its
tools. The answer goes to standard output, everything else to standard error. A command
that wants consent is refused where nobody can be asked.`,
		example: `agent --message "Summarise notes.md"
agent -m "What is on this picture?" --file photo.png
git diff | hearth agent -m -
agent -m "And the second chapter?" --session book --json`,
	},
	"infer model run": {
		long: `Sends the prompt alone, once, and prints the answer. Nothing is kept.`,
		example: `infer model run --prompt "A word that rhymes with hearth"
infer model run --model ollama/qwen3:8b --prompt "Hello" --json`,
	},
	"models": {long: `Without a command this says which models are in use. A model is named provider/model, or
by an alias.`},
	"models list": {
		long: `Lists what the config names. No server is asked unless --refresh is given. Ctx is the
context window in thousands of tokens, Auth whether its credential is there.`,
		example: `models list
models list --refresh --local`,
	},
	"models status": {example: `models status
models status --check`},
	"models set": {
		long:    `Writes agents.defaults.model.primary. Fallbacks stay as they are.`,
		example: `models set ollama/qwen3:8b`,
	},
	"models aliases add":   {example: `models aliases add fast ollama/qwen3:8b`},
	"models fallbacks add": {example: `models fallbacks add lmstudio/qwen3-30b`},
	"models auth paste-token": {
		long: `Asks for the credential, or reads the first line of standard input, and keeps it in
agents/<agent>/agent/auth-profiles.json in Hearth's own folder. It is never a part of the
command, which other users of the machine can see.`,
		example: `models auth paste-token --provider openrouter
pass show box | hearth models auth paste-token --provider box --profile-id box:work --expires-in 90d`,
	},
	"models auth paste-api-key": {example: `models auth paste-api-key --provider anthropic`},
	"models auth list":          {example: `models auth list --provider anthropic`},
	"models probe": {
		long: `Asks the model a few small things to learn how it takes tools, reasoning and images, and
keeps what it finds. Nothing but this command ever sends such requests.`,
		example: `models probe
models probe ollama/qwen3:8b --write`,
	},
	"config": {long: `The config is JSON5. An edit changes only the bytes it must: comments, order and line
ends stay. A path is keys with dots between them: models.providers["my.box"].models[0].id.`},
	"config get": {example: `config get agents.defaults.model
config get models.providers --json`},
	"config set": {
		long: `VALUE is JSON5 where it reads so, else text. The file as it was is kept beside it.`,
		example: `config set agents.defaults.model.primary ollama/qwen3:8b
config set models.providers.box.timeoutSeconds 600
config set agents.defaults.models '{"ollama/qwen3:8b":{}}' --strict-json --merge`,
	},
	"config unset":    {example: `config unset models.providers.box.timeoutSeconds`},
	"config validate": {long: `Is strict: what a turn would only warn about is exit code 1 here.`},
	"onboard": {
		long: `At a terminal and without flags it asks for server, model, key and folder, shows what it
will write, and writes only then. Ctrl-C leaves nothing behind. TERM=dumb or ACCESSIBLE=1
gives numbered lines, NO_COLOR takes the colours away.

With --auth-choice or --custom-base-url it asks nothing and writes what the flags say.`,
		example: `onboard
onboard --auth-choice ollama --custom-model-id qwen3:8b
onboard --custom-base-url http://192.168.1.20:8000/v1 --custom-model-id qwen3 --non-interactive`,
	},
	"sessions": {long: `Conversations are kept in hearth.db of the state folder. ID is a conversation's id, or
its name for the current one of that name.`},
	"sessions show": {example: `sessions show main`},
	"why": {
		long: `Shows each model call of the last turn: how long it waited, connected, loaded, read and
wrote, how many tokens the server had cached, and where a request did not extend the one
before it.`,
		example: `why
why book`,
	},
}

// explainCommands fills in the long help.
func explainCommands(root *cobra.Command) {
	for _, c := range root.Commands() {
		text := helpTexts[strings.TrimPrefix(c.CommandPath(), "hearth ")]
		if text.long != "" {
			c.Long = c.Short + ".\n\n" + text.long
		}
		if text.example != "" {
			c.Example = examples(text.example)
		}
		explainCommands(c)
	}
}

// examples indents command lines; one that is not a pipe gets the program's name.
func examples(lines string) string {
	var out []string
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); !strings.Contains(line, "hearth ") {
			line = "hearth " + line
		}
		out = append(out, "  "+line)
	}
	return strings.Join(out, "\n")
}
