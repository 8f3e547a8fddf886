package netguard

import (
	"testing"
	"time"
)

// A machine that is gone is to be noticed within ten seconds, and a network that is away
// for six is to cost nothing.
func TestHowLongASilentMachineIsBelieved(t *testing.T) {
	for origin, closeWatch := range map[string]bool{
		"http://127.0.0.1:1": true, "http://192.168.1.2:1": true, "http://box:1": true, "https://api.example.com": false,
	} {
		g, err := New(Config{Origin: origin})
		if err != nil {
			t.Fatal(err)
		}
		k := g.dialer().KeepAliveConfig
		if k.Enable != closeWatch {
			t.Errorf("%s is watched closely: %t", origin, k.Enable)
		}
		if !closeWatch {
			continue
		}
		asked := k.Interval * time.Duration(k.Count)
		if k.Idle+asked > 10*time.Second {
			t.Errorf("%s: a machine that is gone is noticed after %s", origin, k.Idle+asked)
		}
		if asked <= 6*time.Second {
			t.Errorf("%s: a network that is away for %s ends a connection", origin, asked)
		}
	}
}
