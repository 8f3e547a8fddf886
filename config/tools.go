package config

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
	Profile   string   `json:"profile" enum:"minimal|coding|messaging|full"`
	Allow     []string `json:"allow"`
	AlsoAllow []string `json:"alsoAllow"`
	Deny      []string `json:"deny"`
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
