package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"hearth/internal/redact"
)

const secret = `p4ss"w/rd+önly&me`

func TestKnownValuesAreMaskedHoweverTheyAreWritten(t *testing.T) {
	r := redact.New(secret, "short", "", "another-key-of-mine", "another-key")
	quoted, err := json.Marshal(map[string]string{"key": "a " + secret + " b"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain":               "key=" + secret + ";",
		"JSON":                string(quoted),
		"a query":             "https://x/?k=" + url.QueryEscape(secret),
		"a path":              "https://x/" + url.PathEscape(secret) + "/y",
		"base64":              "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+secret)),
		"base64, shifted":     base64.StdEncoding.EncodeToString([]byte("user:" + secret + ":x")),
		"base64 for URLs":     base64.RawURLEncoding.EncodeToString([]byte("u:" + secret)),
		"next to itself":      secret + secret,
		"one holds the other": "another-key-of-mine",
	} {
		got := r.Values(text)
		if !strings.Contains(got, redact.Mask) || strings.Contains(got, secret) || strings.Contains(got, "of-mine") {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
	if got := r.Values("a short word stays"); got != "a short word stays" {
		t.Errorf("%q", got)
	}
	var none *redact.Redactor
	if none.Values("x") != "x" || new(redact.Redactor).Values("x") != "x" || redact.New().Values("x") != "x" {
		t.Error("a redactor that knows nothing changes text")
	}
}

func TestShapes(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"OPENAI_API_KEY=sk-proj-abcdefghijklmnopqrstuvwxyz012345", "OPENAI_API_KEY=sk-proj-[secret]"},
		{"use sk-ant-api03-abcdefghijklmnop_qrs here", "use sk-ant-[secret] here"},
		{"ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_[secret]"},
		{"xoxb-123456789012-abcdefghijkl", "xoxb-[secret]"},
		{"AKIAIOSFODNN7EXAMPLE", "AKIA[secret]"},
		{"bot 123456789:AAabcdefghijklmnopqrstuvwxyz0123456", "bot 123456789:[secret]"},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN", "eyJ[secret]"},
		{"Authorization: Bearer abc.def-ghi", "Authorization: Bearer [secret]"},
		{`{"apiKey": "lm-studio-key-1"}`, `{"apiKey": "[secret]"}`},
		{"postgres://me:hunter2@db/x", "postgres://me:[secret]@db/x"},
		{"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nafter", "-----BEGIN PRIVATE KEY-----[secret]\nafter"},
		{"-----BEGIN RSA PRIVATE KEY-----\ncut off", "-----BEGIN RSA PRIVATE KEY-----[secret]"},

		{"the risk-free rate; ask-me-anything-about-everything", "the risk-free rate; ask-me-anything-about-everything"},
		{"http://127.0.0.1:1234/v1", "http://127.0.0.1:1234/v1"},
		{"the password is wrong", "the password is wrong"},
		{"sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		{"max_tokens: 16384", "max_tokens: 16384"},
	} {
		got := redact.Shapes(row.in)
		if got != row.want {
			t.Errorf("%q became %q, want %q", row.in, got, row.want)
		}
		if again := redact.Shapes(got); again != got {
			t.Errorf("%q masked twice is %q", got, again)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("before ", "hunter2hunter2", " after")
	f.Add("Bearer ", "abcdefghijklmnop", "@x")
	f.Fuzz(func(t *testing.T, before, value, after string) {
		value = strings.TrimSpace(value)
		got := redact.New(value).All(before + value + after)
		if len(value) >= redact.MinLength && !strings.Contains(redact.Mask, value) && strings.Contains(got, value) &&
			!strings.Contains(strings.ReplaceAll(before+value+after, value, "\x00"), value) && !strings.Contains(value, "[") && !strings.Contains(value, "]") {
			t.Fatalf("%q is still in %q", value, got)
		}
	})
}
