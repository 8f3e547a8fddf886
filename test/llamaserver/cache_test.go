//go:build llamaserver && unix

package llamaserver

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/test/scripted"
)

// forgetful is the usual kind of template: reasoning older than the last question is
// dropped.
//
//go:embed forgetful.jinja
var forgetful string

// remembering is a model that thinks about everything, with a template.
func remembering(t *testing.T, template string) scripted.Config {
	t.Helper()
	config, err := scripted.Reasoner()
	if err != nil {
		t.Fatal(err)
	}
	config.ChatTemplate = template
	return config
}

var templates = []struct{ name, text, replay string }{
	{"a template that keeps all reasoning", chatTemplate, "true"},
	{"a template that drops it", forgetful, "false"},
}

// What the probe makes of the server's counts, and that they are the server's: its log
// says what it read in each of the six requests.
func TestWhetherReasoningIsSentBackIsMeasured(t *testing.T) {
	binary := program(t)
	for _, row := range templates {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, remembering(t, row.text))
			value, evidence, requests := replay(t, binary, home(t, s.URL+"/v1", "openai-completions"))
			if value != row.replay {
				t.Errorf("reasoning is sent back: %s (%s), want %s", value, evidence, row.replay)
			}
			all := evaluated(t, s)
			if requests != 6 || len(all) < 6 {
				t.Fatalf("%d requests, %d evaluations", requests, len(all))
			}
			var had, again, had2, again2 int
			if _, err := fmt.Sscanf(evidence, "of the %d tokens of its answers it read %d again without its reasoning; with it, %d of %d", &had, &again, &again2, &had2); err != nil {
				t.Fatalf("%q: %v", evidence, err)
			}
			without, with := all[len(all)-6:len(all)-3], all[len(all)-3:]
			t.Logf("%s; evaluated without %v, with %v", evidence, without, with)
			if had < 2*reread || again < had {
				t.Errorf("without its reasoning: %s", evidence)
			}
			if kept := again2 <= reread; kept != (row.replay == "true") {
				t.Errorf("with its reasoning: %s", evidence)
			}
			// The questions are the same in both, so what differs is what was read again:
			// nothing where reasoning is dropped, an answer's few words where it is kept.
			for i := 1; i < 3; i++ {
				if d := with[i] - without[i]; d > 16 || d < -16 {
					t.Errorf("request %d: the server evaluated %d tokens without, %d with the reasoning", i, without[i], with[i])
				}
			}
		})
	}
}

// replay probes the model and gives what was found about its reasoning.
func replay(t *testing.T, binary, home string) (value, evidence string, requests int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "models", "probe", "box/"+Model, "--json")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "HEARTH_HOME=" + home}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var v struct {
		ReplayRequests int
		Findings       []struct{ Field, Value, Source, Evidence string }
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Findings {
		if f.Field == "replayThinking" && f.Source == "probe" {
			return f.Value, f.Evidence, v.ReplayRequests
		}
	}
	t.Fatalf("nothing is found about reasoning: %s", out)
	return "", "", 0
}

// Ten turns, a process each, with reasoning, tool calls and long results. Nothing that
// the server has read is read again, whatever becomes of the reasoning; and where it is
// kept, nothing that the model has written.
func TestTenTurnsOfReasoningAndTools(t *testing.T) {
	binary := program(t)
	for _, row := range templates {
		for api, base := range map[string]string{"openai-completions": "/v1", "openai-responses": "/v1", "anthropic-messages": ""} {
			for _, probed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/probed=%v", row.name, api, probed), func(t *testing.T) {
					s := start(t, remembering(t, row.text))
					dir := home(t, s.URL+base, api)
					if err := os.WriteFile(filepath.Join(dir, "workspace", "notes.txt"), []byte(strings.Repeat("The kettle is on the stove, and the milk is in the yard. ", 30)), 0o600); err != nil {
						t.Fatal(err)
					}
					if probed {
						replay(t, binary, dir)
					}
					earlier := len(evaluated(t, s))
					var reports []hearth.Report
					for i := range 10 {
						trigger := []string{"@@look", "@@muse", "@@look", "@@plain", "@@muse"}[i%5]
						reports = append(reports, say(t, binary, dir, "main", fmt.Sprintf("turn %d: please %s", i, trigger))...)
					}
					judgeTen(t, reports, evaluated(t, s)[earlier:], row.replay == "true")
				})
			}
		}
	}
}

func judgeTen(t *testing.T, reports []hearth.Report, evaluated []int, kept bool) {
	t.Helper()
	if len(reports) != 14 || len(evaluated) != 14 {
		t.Fatalf("%d reports and %d evaluations, want 14: ten turns, four of them with a tool", len(reports), len(evaluated))
	}
	read, written := 0, 0
	for i, r := range reports {
		prompt := r.Usage.Input // cached ones included
		fresh := prompt - read
		if kept {
			fresh -= written
		}
		t.Logf("request %d: %d prompt tokens, %d new, %d evaluated, reported %+v", i, prompt, fresh, evaluated[i], r.Usage)
		if i > 0 && evaluated[i] > fresh+reread {
			t.Errorf("request %d: the server evaluated %d of %d tokens, of which %d were new", i, evaluated[i], prompt, fresh)
		}
		read, written = prompt, r.Usage.Output
	}
}
