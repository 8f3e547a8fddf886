package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"hearth/internal/json5"
	"hearth/internal/spelling"
	"hearth/policy"
)

// Tools is the tools block, of the whole file or of one agent.
type Tools struct {
	Grant
	// ByProvider narrows the grant; keys are a provider or a provider/model.
	ByProvider map[string]Grant `json:"byProvider"`
	Exec       Exec             `json:"exec"`
	FS         ToolFS           `json:"fs" unused:"yet"`
}

// A Grant says which tools there are. Deny wins; names may hold * and may be groups
// such as group:fs.
type Grant struct {
	Profile   string    `json:"profile" enum:"minimal|coding|messaging|full"`
	Allow     ToolNames `json:"allow"`
	AlsoAllow ToolNames `json:"alsoAllow"`
	Deny      ToolNames `json:"deny"`
}

// ToolNames are the entries of a Grant. One that nobody knows stays, because an extension
// may bring a tool of that name; where it looks like a slip it is told, for a misspelt deny
// denies nothing.
type ToolNames []string

// decode implements decodable.
func (t *ToolNames) decode(d *decoder, path string, v *json5.Value) bool {
	var names []string
	if !d.list(path, v, reflect.ValueOf(&names).Elem(), nil) {
		return false
	}
	*t = names
	for i, e := range v.Elements {
		if near := meantTool(e.Text); e.Kind == json5.String && near != "" {
			at := formatIndex(path, i)
			d.report(finding{kind: UnknownTool, path: at, full: at, at: e,
				soft: fmt.Sprintf("%s: there is no tool %q: did you mean %s?", at, e.Text, near)})
		}
	}
	return true
}

// meantTool gives the name that an entry is most likely a slip of; "" for one that is right,
// or like nothing.
func meantTool(entry string) string {
	entry = strings.ToLower(strings.TrimSpace(entry))
	names := policy.Names()
	if strings.Contains(entry, "*") || slices.Contains(names, entry) {
		return ""
	}
	near := nearest(entry, names)
	if len(near) < 4 || spelling.Distance(entry, near) > 1+len(near)/6 { // an extension's own name may be as short
		return ""
	}
	return near
}

// ToolFS limits the file tools.
type ToolFS struct {
	WorkspaceOnly *bool `json:"workspaceOnly"`
}

// Exec is tools.exec. The empty string and nil mean "not written", which for
// Security and Ask is a state of its own: Hearth asks, where OpenClaw allows.
type Exec struct {
	Host            string   `json:"host" enum:"auto|sandbox|gateway|node"`
	Mode            string   `json:"mode" enum:"deny|allowlist|ask|auto|full"`
	Security        string   `json:"security" enum:"deny|allowlist|full"`
	Ask             string   `json:"ask" enum:"off|on-miss|always"`
	BackgroundMS    *int     `json:"backgroundMs"`
	TimeoutSeconds  *int     `json:"timeoutSeconds" alias:"timeoutSec"`
	CleanupMS       int      `json:"cleanupMs" unused:"yet"`
	NotifyOnExit    *bool    `json:"notifyOnExit" unused:"yet"`
	StrictEval      *bool    `json:"strictInlineEval"`
	PathPrepend     []string `json:"pathPrepend"`
	SafeBins        []string `json:"safeBins"`
	SafeTrustedDirs []string `json:"safeBinTrustedDirs" unused:"yet"`
}
