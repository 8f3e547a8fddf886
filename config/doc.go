// Package config reads, repairs and edits the config file: JSON5, OpenClaw's own file
// unchanged, and never a reason not to start.
//
// Load gives a File and warnings:
//
//	file, warnings, err := config.Load(ctx, config.Options{Path: flag})
//	file.Config.Models.Providers["local"].BaseURL
//	file.Config.Agents.Agent("")            // the default agent, defaults filled in
//	file.Workspace("")                      // the folder it works in
//	file.Resolve(ctx, provider.APIKey)      // a text, ${NAME}, or a reference
//
// File.Config is what Hearth uses, in the file's own names; cmd/hearth maps it to the
// plain Config of each package, and nothing below cmd sees this package. A File never
// changes. At the start of a turn File.Reload gives a new one when a file was touched,
// and Changed tells what of the difference applies at once and what at the next epoch.
//
// The config is the first of: the --config flag; HEARTH_CONFIG;
// $HEARTH_HOME/hearth.json; OPENCLAW_CONFIG_PATH; ~/.hearth/hearth.json;
// ~/.openclaw/openclaw.json. Nothing is ever written below ~/.openclaw: the first edit
// of a file there goes to a copy in Hearth's own folder, which is read from then on, also
// where OPENCLAW_CONFIG_PATH names the original.
//
// What is wrong with a file costs what is wrong and no more. Damage with a name (see
// Repair) is read around. A value of the wrong type leaves its default. A key that
// only OpenClaw uses is passed over, one that nobody knows is told with the nearest
// one. A file that does not parse leaves the last good copy in use, or the defaults.
// Each is one Warning. Only File.Issues, for "config validate", is strict.
//
// Edits splice bytes: comments, order, quotes, line ends and a byte order mark stay.
//
//	change, err := file.Apply(config.Edit{Path: "models.mode", Value: "merge"})
//	written, err := change.Write(ctx)
//
// Apply checks and writes nothing; its errors are NotFoundError, ProtectedError and
// ValidationError. Write is atomic, mode 0600, and keeps five backups. File.Unset gives
// the newest backup back when it undoes the edit before.
//
// The list of OpenClaw's keys (keys.txt) is made by keys_gen.go from a table of paths
// that this repository does not hold.
package config
