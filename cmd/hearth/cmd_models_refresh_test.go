package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// What is asked for is whether the models of the config are there: the list marks those
// that are not, and says of each server that gave no list why.
func TestARefreshedListSaysWhatTheServersLack(t *testing.T) {
	t.Setenv("HEARTH_DISCOVER", discoveryOff)
	lists := func(ids ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/models" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			var rows []string
			for _, id := range ids {
				rows = append(rows, fmt.Sprintf(`{"id": %q}`, id))
			}
			fmt.Fprintf(w, `{"object": "list", "data": [%s]}`, strings.Join(rows, ","))
		}
	}
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, status) }
	}
	for name, row := range map[string]struct {
		server http.HandlerFunc
		key    string
		note   string // on standard error; "" = nothing is noted
		tags   string // what it ends with
	}{
		"the model is there":         {server: lists("qwen3:8", "other"), tags: " default"},
		"under a name that means it": {server: lists("Qwen/qwen3:8"), tags: " default"},
		"it is misspelt":             {server: lists("qwen3:8b", "other"), note: "the server does not list qwen3:8; the nearest model it lists is qwen3:8b", tags: " default,missing"},
		"nothing is near":            {server: lists("nomic"), note: "the server does not list qwen3:8; it lists nomic", tags: " default,missing"},
		"the server has nothing":     {server: lists(), note: "a model server at http://127.0.0.1:0 has no model; load or fetch one there", tags: " default,missing"},
		"a proxy lists a pattern":    {server: lists("openai/*"), tags: " default"},
		"the key is refused":         {server: says(http.StatusUnauthorized, "no"), key: "zebra-9917", note: "http://127.0.0.1:0 refuses the key that it was given, and lists no models", tags: " default"},
		"a key is wanted":            {server: says(http.StatusUnauthorized, "no"), note: "http://127.0.0.1:0 lists its models only to those who have a key, and none is set", tags: " default"},
		"it loads":                   {server: says(http.StatusServiceUnavailable, "Loading model"), note: "http://127.0.0.1:0 is still loading its model", tags: " default"},
		"a web page":                 {server: says(http.StatusOK, "<html>Welcome</html>"), note: "what answers at http://127.0.0.1:0 gives no list of models; look whether baseUrl is the address of a model server", tags: " default"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(row.server)
			t.Cleanup(server.Close)
			a := scene(t, fmt.Sprintf(`{models: {providers: {box: {baseUrl: %q, apiKey: %q, models: [{id: "qwen3:8"}]}}}}`, server.URL+"/v1", row.key))
			var out, errs bytes.Buffer
			a.io.out, a.io.err = &out, &errs
			if err := (&modelList{app: a}).print(t.Context(), listFlags{refresh: true}); err != nil {
				t.Fatal(err)
			}
			line := regexp.MustCompile(`(?m)^box/qwen3:8 .*$`).FindString(out.String())
			if !strings.HasSuffix(line, row.tags) {
				t.Errorf("the row is %q, want one that ends with %q", line, row.tags)
			}
			want := ""
			if row.note != "" {
				want = "note: box: " + strings.ReplaceAll(row.note, "http://127.0.0.1:0", server.URL) + "\n"
			}
			if errs.String() != want {
				t.Errorf("it notes %q, want %q", errs.String(), want)
			}
		})
	}
}
