package config

import "encoding/json"

// A Config is what Hearth uses of a config file, in the file's own shape and names.
// Zero values mean "not written"; a pointer marks a key whose absence differs from
// its zero value. Everything else that OpenClaw knows is accepted and left alone.
//
// The json tag is the key; an alias tag gives another spelling of it; an enum tag lists
// the values that are allowed, a known tag those that are usual: another one is told,
// and kept. A field that nothing maps yet has the tag unused:"yet", so that a person is
// told; whoever comes to use it takes the tag away.
type Config struct {
	Schema  string  `json:"$schema"`
	Env     Env     `json:"env"`
	Auth    Auth    `json:"auth"`
	Secrets Secrets `json:"secrets"`
	Models  Models  `json:"models"`
	Agents  Agents  `json:"agents"`
	Tools   Tools   `json:"tools"`
	Skills  Skills  `json:"skills"`
	Session Session `json:"session" unused:"yet"`
}

// Params are free settings that travel to a model server. The values are compact JSON
// whose numbers have the digits of the file.
type Params map[string]json.RawMessage

// Env is the env block: variables that apply where the process has none.
type Env struct {
	Vars     map[string]string `json:"vars"`
	ShellEnv ShellEnv          `json:"shellEnv"`
	// Flat holds env.NAME, the older spelling of env.vars.NAME.
	Flat map[string]string `json:"*"`
}

// Session holds the session settings.
type Session struct {
	Scope         string              `json:"scope" enum:"per-sender|global"`
	DMScope       string              `json:"dmScope" enum:"main|per-peer|per-channel-peer|per-account-channel-peer"`
	MainKey       string              `json:"mainKey"`
	IdentityLinks map[string][]string `json:"identityLinks"`
	ResetTriggers []string            `json:"resetTriggers"`
	Reset         SessionReset        `json:"reset"`
	IdleMinutes   int                 `json:"idleMinutes"`
}

// SessionReset says when a session begins anew by itself.
type SessionReset struct {
	Mode        string `json:"mode" enum:"daily|idle|none"`
	AtHour      *int   `json:"atHour"`
	IdleMinutes int    `json:"idleMinutes"`
}
