package agent

import (
	"slices"
	"strings"
)

// A Command is one chat command. The table is the same for every front door; a door
// that cannot do one says so.
type Command struct {
	Name  string
	Alias []string
	Usage string
	Help  string
}

// Commands gives the table, in the order a person should read it.
func Commands() []Command {
	return []Command{
		{Name: "help", Alias: []string{"?"}, Usage: "/help", Help: "show this list"},
		{Name: "model", Alias: []string{"models"}, Usage: "/model [name]", Help: "show or change the model of this conversation"},
		{Name: "think", Alias: []string{"thinking", "t"}, Usage: "/think [level]", Help: "show or change how much the model thinks; default gives it back"},
		{Name: "new", Alias: []string{"reset"}, Usage: "/new", Help: "begin a new conversation; the old one is kept"},
		{Name: "why", Usage: "/why", Help: "say where the last turn's time went, and what was cached"},
		{Name: "context", Usage: "/context", Help: "show what fills the context window, and which tools are on"},
		{Name: "compact", Usage: "/compact [instructions]", Help: "shorten the conversation to a summary now"},
		{Name: "stop", Usage: "/stop", Help: "stop what is running"},
		{Name: "exit", Alias: []string{"quit", "bye"}, Usage: "/exit", Help: "leave"},
	}
}

// ParseCommand reads a chat command: "/name args" or "/name: args", the name in any
// case and by any alias. ok is false for ordinary text, which includes paths such as
// /etc/hosts. An unknown word after the slash is still a command, so that a typing
// mistake is told and not sent to the model.
func ParseCommand(text string) (name, args string, ok bool) {
	text = strings.TrimSpace(text)
	word, rest, _ := strings.Cut(text, " ")
	if !strings.HasPrefix(word, "/") || strings.ContainsAny(word[1:], "/.\n") || len(word) < 2 {
		return "", "", false
	}
	name = strings.ToLower(strings.TrimSuffix(word[1:], ":"))
	for _, c := range Commands() {
		if c.Name == name || slices.Contains(c.Alias, name) {
			return c.Name, strings.TrimSpace(rest), true
		}
	}
	return name, strings.TrimSpace(rest), true
}
