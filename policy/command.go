package policy

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// listed reports whether every command that argv would run is on the allowlist. argv
// is as tool.Foreseer gives it: a shell with -c and a text, perhaps after env with a
// folder and variables, or a program with its arguments.
func (r Rules) listed(argv []string) bool {
	dir := ""
	if len(argv) > 3 && argv[0] == "env" && argv[1] == "-C" {
		dir, argv = argv[2], argv[3:]
	}
	text, isShell := shellText(argv)
	if !isShell {
		return len(argv) > 0 && dir == "" && r.matchesAny(argv)
	}
	segments, ok := segments(text)
	if !ok {
		return false
	}
	for _, s := range segments {
		// A program named by a relative path is whatever lies there in the folder of
		// that moment, which cd or the call may have chosen.
		relative := strings.Contains(s[0], "/") && !strings.HasPrefix(s[0], "/")
		if relative && (dir != "" || len(segments) > 1) || !r.matchesAny(s) {
			return false
		}
	}
	return len(segments) > 0
}

func (r Rules) matchesAny(argv []string) bool {
	return slices.ContainsFunc(r.Allowlist, func(p string) bool { return Matches(p, argv) })
}

// Matches reports whether an allowlist pattern covers a whole argv. A pattern is words
// between spaces, one for each argument; in a word, * stands for any characters, so a
// word that is * is any one argument; a last word ** is any number of arguments. The
// program's own name is compared as written: a bare name is not a path.
func Matches(pattern string, argv []string) bool {
	words := strings.Fields(pattern)
	if len(words) == 0 || len(argv) == 0 || strings.Contains(words[0], "**") {
		return false
	}
	rest := words[len(words)-1] == "**"
	if rest {
		words = words[:len(words)-1]
	}
	if len(argv) < len(words) || len(argv) > len(words) && !rest {
		return false
	}
	for i, w := range words {
		if !wildcard(w, argv[i], i == 0) {
			return false
		}
	}
	return true
}

// wildcard matches one word. In a program's name, * does not stand for a slash.
func wildcard(pattern, s string, isProgram bool) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	if isProgram && strings.Count(pattern, "/") != strings.Count(s, "/") {
		return false
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, last)
}

// shells take a command as text after -c. PowerShell and cmd.exe have another language,
// so no text of theirs is ever found on the list.
var shells = []string{"sh", "bash", "dash", "zsh", "ksh"}

// shellText gives the text that argv has a shell run.
func shellText(argv []string) (text string, isShell bool) {
	if len(argv) == 3 && argv[1] == "-c" && slices.Contains(shells, path.Base(argv[0])) {
		return argv[2], true
	}
	return "", false
}

// plainWord matches unquoted text that every shell takes literally. What is missing is
// on purpose: ~ { } * ? [ ] ! # ^ and everything outside ASCII mean something to one
// shell or another.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]*$`)

// segments gives the argv of every command in a text that is nothing but commands of
// literal words, joined by | && || ; and line ends. Everything else (redirections,
// expansions, substitutions, subshells, functions, assignments, &, here-documents) is
// not ok: it is a program, and a program cannot be looked up in a list.
func segments(text string) (argvs [][]string, ok bool) {
	const longest = 8 << 10 // bytes; the parser goes as deep as a text nests
	if len(text) > longest {
		return nil, false
	}
	// The parser drops NULs and joins lines as shells do; a person who reads the text
	// sees neither.
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) || strings.Contains(text, "\\\n") {
		return nil, false
	}
	parser := syntax.NewParser(syntax.Variant(syntax.LangPOSIX))
	file, err := parser.Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, false
	}
	for _, stmt := range file.Stmts {
		found, ok := statement(stmt)
		if !ok {
			return nil, false
		}
		argvs = append(argvs, found...)
	}
	return argvs, true
}

func statement(s *syntax.Stmt) (argvs [][]string, ok bool) {
	if s.Negated || s.Background || s.Coprocess || s.Disown || len(s.Redirs) > 0 {
		return nil, false
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.BinaryCmd:
		if cmd.Op != syntax.AndStmt && cmd.Op != syntax.OrStmt && cmd.Op != syntax.Pipe {
			return nil, false
		}
		left, ok := statement(cmd.X)
		if !ok {
			return nil, false
		}
		right, ok := statement(cmd.Y)
		return append(left, right...), ok
	case *syntax.CallExpr:
		if len(cmd.Assigns) > 0 || len(cmd.Args) == 0 {
			return nil, false
		}
		argv := make([]string, len(cmd.Args))
		for i, word := range cmd.Args {
			if argv[i], ok = literal(word); !ok {
				return nil, false
			}
		}
		return [][]string{argv}, argv[0] != ""
	}
	return nil, false
}

// literal gives the text of a word that no shell would change.
func literal(word *syntax.Word) (text string, ok bool) {
	for _, part := range word.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if !plainWord.MatchString(p.Value) {
				return "", false
			}
			text += p.Value
		case *syntax.SglQuoted:
			if p.Dollar || strings.ContainsAny(p.Value, "\x00\r\n") {
				return "", false
			}
			text += p.Value
		case *syntax.DblQuoted:
			if p.Dollar {
				return "", false
			}
			for _, inner := range p.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok || strings.ContainsAny(lit.Value, "\\$`!\x00\r\n") {
					return "", false
				}
				text += lit.Value
			}
		default:
			return "", false
		}
	}
	return text, !strings.HasPrefix(text, "=") // zsh takes =name for a path
}

// inlineFlags are the interpreters that take a program on their command line, without the
// version that may be part of their names, with the flags that do (contract:
// strictInlineEval; and the shells).
var inlineFlags = map[string][]string{
	"python": {"-c"}, "pypy": {"-c"}, "pwsh": {"-c", "-e"}, "powershell": {"-c", "-e"},
	"node": {"-e", "-p", "--eval", "--print"}, "nodejs": {"-e", "-p", "--eval", "--print"}, "bun": {"-e", "-p", "--eval"}, "deno": {"eval"},
	"ruby": {"-e"}, "perl": {"-e", "-E"}, "php": {"-r"}, "lua": {"-e"}, "osascript": {"-e"},
	"sh": {"-c"}, "bash": {"-c"}, "dash": {"-c"}, "zsh": {"-c"}, "ksh": {"-c"}, "awk": {""}, "gawk": {""}, "mawk": {""},
}

// runsInlineCode reports whether any command of argv holds a program as an argument.
// What cannot be taken apart counts as one.
func runsInlineCode(argv []string) bool {
	if len(argv) > 3 && argv[0] == "env" && argv[1] == "-C" {
		argv = argv[3:]
	}
	commands := [][]string{argv}
	if text, isShell := shellText(argv); isShell {
		var ok bool
		if commands, ok = segments(text); !ok {
			return true
		}
	}
	for _, c := range commands {
		for i, word := range c {
			flags := inlineFlags[interpreter(word)]
			if slices.ContainsFunc(c[i+1:], func(arg string) bool { return takesCode(flags, arg) }) {
				return true
			}
		}
	}
	return false
}

// interpreter is the name of a program without its version, python of /usr/bin/python3.12,
// in the letters that a file system without cases would find it by.
func interpreter(program string) string {
	name := strings.TrimSuffix(strings.ToLower(path.Base(program)), ".exe")
	return strings.TrimRight(name, "0123456789.")
}

// takesCode reports whether arg is one of flags, alone, joined with its value (-cprint)
// or among other letters (-Bc).
func takesCode(flags []string, arg string) bool {
	return slices.ContainsFunc(flags, func(f string) bool {
		if len(f) == 2 && len(arg) > 1 && arg[0] == '-' && arg[1] != '-' {
			return strings.Contains(arg[1:], f[1:])
		}
		return f == "" || arg == f || strings.HasPrefix(arg, f+"=")
	})
}
