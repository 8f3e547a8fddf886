package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestWhetherTheConfigGivesAProviderACredential(t *testing.T) {
	for _, c := range []struct {
		name, provider string
		want           bool
	}{
		{"nothing", ``, false},
		{"a key", `apiKey: "k"`, true},
		{"a variable that is set", `apiKey: "${SET_SOMEWHERE}"`, true},
		{"a variable that is not", `apiKey: "${NOT_SET_ANYWHERE}"`, false},
		{"a program that is not run", `apiKey: {source: "exec", provider: "vault", id: "x"}`, true},
		{"a token of request.auth", `request: {auth: {mode: "authorization-bearer", token: "t"}}`, true},
		{"a value of request.auth", `request: {auth: {mode: "header", headerName: "X-Mine", value: "v"}}`, true},
		{"a header that servers read a key from", `headers: {"x-auth-TOKEN": "t"}`, true},
		{"one of request.headers", `request: {headers: {Authorization: "Bearer t"}}`, true},
		{"a header that holds a variable which is not set", `headers: {Authorization: "${NOT_SET_ANYWHERE}"}`, false},
		{"the header of which request.auth says so", `headers: {"x-mine": "v"}, request: {auth: {mode: "header", headerName: "X-Mine"}}`, true},
		{"a header of that name without it", `headers: {"x-mine": "v"}`, false},
		{"the key of a tunnel in front of the server", `headers: {"CF-Access-Client-Secret": "s"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			h.vars["SET_SOMEWHERE"] = "a-key"
			f, _ := h.config(`{models: {providers: {box: {` + c.provider + `}}},
				secrets: {providers: {vault: {source: "exec", command: "/bin/false"}}}}`)
			if got := f.HasCredential(t.Context(), f.Config.Models.Providers["box"]); got != c.want {
				t.Errorf("it is %v", got)
			}
		})
	}
}

func TestAnotherKeyIsTheOnlyOne(t *testing.T) {
	f, _ := newHome(t).config(`{models: {providers: {box: {
		apiKey: "own",
		headers: {Authorization: "Bearer own", "X-Auth-Token": "own", "x-mine": "own", "X-Title": "Stays"},
		request: {headers: {"api-key": "own", "CF-Access-Client-Secret": "Stays"}, auth: {mode: "header", headerName: "X-Mine", value: "own", prefix: "Key "}},
	}}}}`)
	before := f.Config.Models.Providers["box"]
	p := before.WithKey("new")
	if key, err := f.Resolve(t.Context(), p.APIKey); err != nil || key != "new" {
		t.Errorf("the key is %q, %v", key, err)
	}
	if !p.Request.Auth.Value.IsZero() || p.Request.Auth.HeaderName != "X-Mine" || p.Request.Auth.Prefix != "Key " {
		t.Errorf("request.auth is %v", p.Request.Auth)
	}
	left := slices.Concat(slices.Sorted(maps.Keys(p.Headers)), slices.Sorted(maps.Keys(p.Request.Headers)))
	if got := strings.Join(left, " "); got != "X-Title CF-Access-Client-Secret" {
		t.Errorf("these headers are left: %s", got)
	}
	if len(before.Headers) != 4 || len(before.Request.Headers) != 2 {
		t.Error("the config itself was changed")
	}
}
