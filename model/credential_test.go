package model_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"hearth/model"
)

// A server that repeats what it was sent tells nobody the key.
func TestWhatWasSentIsCutOutOfTheServersWords(t *testing.T) {
	const key = "zebra/9917 quilt"
	withKey := func(c *model.ClientConfig) { c.APIKey = key }
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) // the client sees what is missing
		}
	}
	rows := []struct {
		name   string
		change func(*model.ClientConfig)
		serve  http.HandlerFunc
		want   string
	}{
		{"as it is", withKey, says(401, `{"error":{"message":"bad key zebra/9917 quilt"}}`), "bad key [secret]"},
		{"with a slash as PHP writes it", withKey, says(401, `{"error":"bad key zebra\/9917 quilt"}`), "bad key [secret]"},
		{"in letters that JSON need not escape", withKey, says(401, `{"error":"bad key \u007aebra/9917 quilt"}`), "bad key [secret]"},
		{"in an error within a string", withKey, says(401, `{"error":{"message":"{\"error\":\"bad key zebra/9917 quilt\"}"}}`), "bad key [secret]"},
		{"where the words are cut off", withKey, says(401, `{"error":"`+strings.Repeat("x", 990)+` zebra/9917 quilt"}`), "x [secret]"},
		{"in what a proxy adds", withKey, says(401, `{"error":{"message":"no","metadata":{"raw":"{\"key\":\"zebra/9917 quilt\"}"}}}`), `no ({"key":"[secret]"})`},
		{"on a web page", withKey, says(401, `<html><title>no zebra/9917 quilt</title></html>`), "no [secret]"},
		{"in an error with status 200", withKey, says(200, `{"error":{"message":"bad key zebra/9917 quilt"}}`), "bad key [secret]"},
		{"in a redirect", withKey, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:9/login?was=zebra%2F9917+quilt")
			w.WriteHeader(http.StatusFound)
		}, "/login?was=[secret]"},
		{"the key of a header", func(c *model.ClientConfig) { c.Headers = map[string]string{"Authorization": "Bearer zebra-9917"} },
			says(401, `{"error":"token zebra-9917 unknown"}`), "token [secret] unknown"},
		{"the key of a header that the config names", func(c *model.ClientConfig) {
			c.APIKey, c.Auth.Header, c.Auth.Prefix = "zebra-9917", "X-Stall", "Z "
		}, says(401, `{"error":"token Z zebra-9917 unknown"}`), "token Z [secret] unknown"},
		{"the key in the address", func(c *model.ClientConfig) { c.Endpoint.BaseURL += "?api_key=zebra%2F9917&api-version=2026-01-01" },
			says(401, `{"error":"version 2026-01-01: zebra/9917 and zebra%2F9917 unknown"}`), "version 2026-01-01: [secret] and [secret] unknown"},
		{"but no word of other headers", func(c *model.ClientConfig) { c.Headers = map[string]string{"X-Title": "My Gateway 7"} },
			says(401, `{"error":"My Gateway 7 is unknown"}`), "My Gateway 7 is unknown"},
		{"and no word that stands for a key", func(c *model.ClientConfig) { c.APIKey = "ollama-local" },
			says(404, `{"error":"ollama-local has no such model"}`), "ollama-local has no such model"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := ask(t.Context(), clientFor(t, row.serve, row.change), chat)
			if said := told(t, err).Error(); !strings.Contains(said, row.want) || row.want != "" && strings.Contains(said, key) {
				t.Errorf("got  %s\nwant %s", said, row.want)
			}
		})
	}
}

func TestWhatWasSentIsCutOutOfAFrame(t *testing.T) {
	c := clientFor(t, func(http.ResponseWriter, *http.Request) {}, func(c *model.ClientConfig) { c.APIKey = "zebra-9917" })
	resp, err := c.Post(t.Context(), chat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Close() }()
	for _, err := range []error{
		resp.FrameError([]byte(`{"error":{"message":"bad key zebra-9917"}}`)),
		resp.Ended(io.ErrUnexpectedEOF),
	} {
		if strings.Contains(err.Error(), "zebra") {
			t.Error(err)
		}
	}
}

func TestAnAddressThatCannotBeUsedIsToldWithoutItsKey(t *testing.T) {
	for _, base := range []string{"http://127.0.0.1:1 2/v1?key=zebra-9917", "127.0.0.1/v1?key=zebra-9917", "ftp://box/v1?key=zebra-9917"} {
		_, err := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: model.Endpoint{BaseURL: base}}).Post(t.Context(), chat)
		if strings.Contains(told(t, err).Error(), "zebra") {
			t.Error(err)
		}
		if _, err := model.ParseEndpoint(base); err == nil || strings.Contains(err.Error(), "zebra") {
			t.Error(err)
		}
	}
}
