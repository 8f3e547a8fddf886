package policy

import (
	"slices"
	"strings"

	"hearth"
)

// A Grant is one layer of the owner's word on which tools there are (config tools,
// tools.byProvider, agents' tools). The zero Grant restricts nothing.
type Grant struct {
	Profile   string   // minimal, coding, messaging, full; "" restricts nothing
	Allow     []string // names, * wildcards, group:x; empty restricts nothing
	AlsoAllow []string // added to what the profile gives
	Deny      []string // wins over everything
}

// groups are OpenClaw's (contract 9.2). Tools that Hearth does not have yet are listed:
// a deny must hold on the day they come.
var groups = map[string][]string{
	"fs":         {"read", "write", "edit", "apply_patch"},
	"runtime":    {"exec", "process", "code_execution"},
	"web":        {"web_search", "web_fetch", "x_search"},
	"memory":     {"memory_*"},
	"sessions":   {"sessions_*", "subagents", "session_status"},
	"ui":         {"browser", "canvas"},
	"messaging":  {"message"},
	"automation": {"heartbeat_respond", "cron", "gateway"},
	"nodes":      {"nodes"},
	"agents":     {"agents_list", "update_plan"},
	"media":      {"image", "image_*", "music_generate", "video_generate", "tts"},
	"openclaw":   {"*"},
}

// profiles are OpenClaw's (contract 9.3).
var profiles = map[string][]string{
	"minimal":   {"session_status"},
	"coding":    {"group:fs", "group:runtime", "group:web", "group:memory", "group:sessions", "cron", "update_plan", "image", "image_generate", "music_generate", "video_generate"},
	"messaging": {"message", "sessions_list", "sessions_history", "sessions_send", "session_status"},
	"full":      {"*"},
}

// aliases are other names of tools in a config.
var aliases = map[string]string{"bash": "exec", "apply-patch": "apply_patch"}

// known are the tools of Hearth and of OpenClaw (contract 9.1), whatever group they are in.
var known = []string{
	"read", "write", "edit", "apply_patch", "ls", "exec", "process", "code_execution",
	"web_search", "web_fetch", "x_search", "browser", "canvas", "memory_search", "memory_get",
	"sessions_list", "sessions_history", "sessions_send", "sessions_spawn", "sessions_yield", "subagents", "session_status",
	"nodes", "dir_list", "dir_fetch", "file_fetch", "file_write", "message", "cron", "automations", "gateway", "openclaw",
	"heartbeat_respond", "agents_list", "update_plan", "image", "image_generate", "music_generate", "video_generate", "pdf", "tts",
	"llm-task", "tool_search", "tool_describe", "tool_call", "use_tool",
}

// Names gives what an entry of a Grant may be: tools, aliases, and groups with their prefix.
// There may be others, because extensions bring tools of their own; so an entry that is none
// of these is a mistake only where one of these is near.
func Names() []string {
	names := slices.Clone(known)
	for alias := range aliases {
		names = append(names, alias)
	}
	for group := range groups {
		names = append(names, "group:"+group)
	}
	slices.Sort(names)
	return names
}

// Surface gives those of names that every layer grants, in their order. The first layer
// is the widest; later ones only narrow. It is applied to all tools together, whatever
// they come from, after the last of them was added.
func Surface(names []string, layers ...Grant) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if !slices.ContainsFunc(layers, func(g Grant) bool { return !g.grants(name) }) {
			out = append(out, name)
		}
	}
	return out
}

// ForModel gives the layers of tools.byProvider that are for a model: its provider's,
// then its own. Keys are compared without letter case.
func ForModel(byProvider map[string]Grant, ref hearth.ModelRef) []Grant {
	var out []Grant
	for _, want := range []string{ref.Provider, ref.String()} {
		for key, g := range byProvider {
			if want != "" && strings.EqualFold(key, want) {
				out = append(out, g) // two keys that differ in letter case both narrow
			}
		}
	}
	return out
}

// grants reports whether this layer alone lets a tool through. A profile that is not
// known gives nothing: a typing mistake must not widen.
func (g Grant) grants(name string) bool {
	name = strings.ToLower(name)
	if covers(g.Deny, name) {
		return false
	}
	byProfile := g.Profile == "" || covers(profiles[strings.ToLower(strings.TrimSpace(g.Profile))], name)
	if g.Profile != "" && covers(g.AlsoAllow, name) {
		byProfile = true
	}
	return byProfile && (len(g.Allow) == 0 || covers(g.Allow, name) || covers(g.AlsoAllow, name))
}

// covers reports whether any entry means the tool. Allowing write allows apply_patch,
// and denying it denies that too.
func covers(entries []string, name string) bool {
	return slices.ContainsFunc(entries, func(entry string) bool {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if alias, ok := aliases[entry]; ok {
			entry = alias
		}
		if group, ok := strings.CutPrefix(entry, "group:"); ok {
			return covers(groups[group], name)
		}
		return wildcard(entry, name, false) || entry == "write" && name == "apply_patch"
	})
}
