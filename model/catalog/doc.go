// Package catalog knows the hosted vendors that people name most: where each is
// reached, which protocol it speaks, which environment variable holds its key, and what
// its models cost and can do.
//
// A catalog ages. What it says is the least trusted layer but one: the config, a probe
// and the server itself win over it, and a model that it does not list is sent as
// written. Local servers have no rows here; they are asked.
//
// models.tsv is generated from charm.land/catwalk (MIT) and overlay.go; nothing is
// parsed before somebody asks.
package catalog

//go:generate go test -run ^TestTheTableIsCurrent$ -update .
