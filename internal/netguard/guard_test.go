package netguard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth/internal/netguard"
)

// What a name or an address says of where it leads, in every spelling that was used to
// make something at home look like somebody else's.
func TestSpellings(t *testing.T) {
	f, err := os.Open("testdata/spellings.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := 0
	for s := bufio.NewScanner(f); s.Scan(); rows++ {
		var v struct{ In, Kind, Want, Why string }
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		t.Run(v.Kind+" "+v.In, func(t *testing.T) {
			var public bool
			if v.Kind == "ip" {
				a, err := netip.ParseAddr(v.In)
				public = err == nil && netguard.KindOf(a) == netguard.KindPublic
			} else {
				raw := v.In
				if v.Kind == "host" {
					raw = "http://" + raw
				}
				o, err := netguard.ParseOrigin(raw)
				public = err == nil && o.Place() == netguard.PlaceHosted
			}
			if public != (v.Want == "allow") {
				t.Errorf("public: %t, want %s (%s)", public, v.Want, v.Why)
			}
		})
	}
	if rows < 60 {
		t.Errorf("only %d vectors were read", rows)
	}
}

func TestOrigins(t *testing.T) {
	rows := []struct {
		raw, origin string
		place       netguard.Place
	}{
		{"http://127.0.0.1:1234/v1", "http://127.0.0.1:1234", netguard.PlaceMachine},
		{"http://LOCALHOST:1234", "http://127.0.0.1:1234", netguard.PlaceMachine},
		{"http://0.0.0.0:11434/", "http://127.0.0.1:11434", netguard.PlaceMachine},
		{"http://[::1]:8080", "http://127.0.0.1:8080", netguard.PlaceMachine},
		{"http://[::ffff:127.0.0.1]:8080", "http://127.0.0.1:8080", netguard.PlaceMachine},
		{"http://127.0.0.2:8080", "http://127.0.0.2:8080", netguard.PlaceMachine},
		{"http://localhost.", "http://127.0.0.1:80", netguard.PlaceMachine},
		{"http://192.168.1.5:8000/v1", "http://192.168.1.5:8000", netguard.PlacePrivate},
		{"http://100.101.102.103:8000", "http://100.101.102.103:8000", netguard.PlacePrivate},
		{"http://[fd12::1]:8000", "http://[fd12::1]:8000", netguard.PlacePrivate},
		{"http://studio.local:1234", "http://studio.local:1234", netguard.PlacePrivate},
		{"https://box.tail1234.ts.net", "https://box.tail1234.ts.net:443", netguard.PlacePrivate},
		{"http://gpubox:8000", "http://gpubox:8000", netguard.PlacePrivate},
		{"https://API.openai.com/v1", "https://api.openai.com:443", netguard.PlaceHosted},
		{"https://api.openai.com.:0443", "https://api.openai.com:443", netguard.PlaceHosted},
		{"http://8.8.8.8", "http://8.8.8.8:80", netguard.PlaceHosted},
		{"http://169.254.169.254", "http://169.254.169.254:80", netguard.PlaceUnknown},
	}
	for _, row := range rows {
		o, err := netguard.ParseOrigin(row.raw)
		if err != nil || o.String() != row.origin || o.Place() != row.place {
			t.Errorf("%s: got %s, %s and %v, want %s, %s", row.raw, o, o.Place(), err, row.origin, row.place)
		}
	}
	for raw, written := range map[string]string{
		"http://LOCALHOST:1234/v1": "http://localhost:1234", "http://[::1]:8080": "http://[::1]:8080", "http://127.0.0.1": "http://127.0.0.1:80",
	} {
		if o, err := netguard.ParseOrigin(raw); err != nil || o.Written() != written {
			t.Errorf("%s: got %s and %v, want %s", raw, o.Written(), err, written)
		}
	}
	for _, raw := range []string{"", "localhost:1234", "ftp://x/", "http://", "http://127.1", "http://0x7f.1", "http://2130706433", "http://u:p@host", "http://a b", "http://host:0", "http://host:99999", "http://münchen.de"} {
		if o, err := netguard.ParseOrigin(raw); err == nil {
			t.Errorf("%q: got %s, want an error", raw, o)
		}
	}
}

// network is a fake one: names with addresses, and a record of what was dialled.
type network struct {
	names   map[string][]string
	dialled []string
	lookups int
}

func (n *network) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	n.lookups++
	var found []netip.Addr
	for _, s := range n.names[host] {
		found = append(found, netip.MustParseAddr(s))
	}
	return found, nil
}

func (n *network) dial(_ context.Context, _, address string) (net.Conn, error) {
	n.dialled = append(n.dialled, address)
	client, server := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, server) }()
	return client, nil
}

func TestTrust(t *testing.T) {
	rows := []struct {
		name    string
		origin  string
		private bool     // allowPrivateNetwork
		addrs   []string // what the host resolves to
		dialled string   // "" = refused
		ask     bool     // refused, and the owner's word would allow it
	}{
		{name: "loopback is trusted", origin: "http://127.0.0.1:1234", dialled: "127.0.0.1:1234"},
		{name: "localhost is this machine, whatever a name server says", origin: "http://localhost:1234", addrs: []string{"6.6.6.6"}, dialled: "127.0.0.1:1234"},
		{name: "0.0.0.0 means this machine", origin: "http://0.0.0.0:1234", dialled: "127.0.0.1:1234"},
		{name: "a LAN address needs the owner's word", origin: "http://192.168.1.5:8000", ask: true},
		{name: "a LAN address with the owner's word", origin: "http://192.168.1.5:8000", private: true, dialled: "192.168.1.5:8000"},
		{name: "a tailnet address needs the owner's word", origin: "http://100.64.0.9:8000", ask: true},
		{name: "a unique local address needs the owner's word", origin: "http://[fd00::1]:8000", ask: true},
		{name: "a private name needs the owner's word", origin: "http://gpubox.lan:8000", addrs: []string{"10.0.0.2"}, ask: true},
		{name: "a private name with the owner's word", origin: "http://gpubox.lan:8000", private: true, addrs: []string{"10.0.0.2"}, dialled: "10.0.0.2:8000"},
		{name: "this machine's own name leads to loopback", origin: "http://gpubox:8000", addrs: []string{"127.0.1.1"}, dialled: "127.0.1.1:8000"},
		{name: "a private name with a public address needs the owner's word", origin: "http://gpubox.local:8000", addrs: []string{"2a00::1"}, ask: true},
		{name: "a private name with a public address and the owner's word", origin: "http://gpubox.local:8000", private: true, addrs: []string{"2a00::1"}, dialled: "[2a00::1]:8000"},
		{name: "a public name", origin: "https://api.example.com", addrs: []string{"93.184.216.34"}, dialled: "93.184.216.34:443"},
		{name: "a public name with a private address needs the owner's word", origin: "https://api.example.com", addrs: []string{"192.168.1.9"}, ask: true},
		{name: "a public name with a loopback address needs the owner's word", origin: "https://api.example.com", addrs: []string{"127.0.0.1"}, ask: true},
		{name: "one bad address among good ones spoils all", origin: "https://api.example.com", addrs: []string{"93.184.216.34", "10.0.0.1"}, ask: true},
		{name: "metadata never", origin: "http://169.254.169.254", private: true},
		{name: "metadata behind a name never", origin: "http://metadata.lan", private: true, addrs: []string{"169.254.169.254"}},
		{name: "metadata inside the tailnet range never", origin: "http://100.100.100.200", private: true},
		{name: "metadata as unique local never", origin: "http://[fd00:ec2::254]", private: true},
		{name: "link-local never", origin: "http://[fe80::1]:8000", private: true},
		{name: "a name with no address of its own never", origin: "http://gpubox.lan", private: true, addrs: []string{"0.0.0.0"}},
		{name: "a VPN's stand-in address for a public name", origin: "https://api.example.com", addrs: []string{"198.18.3.4"}, dialled: "198.18.3.4:443"},
		{name: "an IPv6-only network's address for a public name", origin: "https://api.example.com", addrs: []string{"64:ff9b::5db8:d822"}, dialled: "[64:ff9b::5db8:d822]:443"},
		{name: "the same for metadata never", origin: "https://api.example.com", private: true, addrs: []string{"64:ff9b::a9fe:a9fe"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o, err := netguard.ParseOrigin(row.origin)
			if err != nil {
				t.Fatal(err)
			}
			n := &network{names: map[string][]string{o.Host: row.addrs}}
			g, err := netguard.New(netguard.Config{Origin: row.origin, AllowPrivate: row.private, Resolve: n.resolve, Dial: n.dial})
			if err != nil {
				t.Fatal(err)
			}
			err = g.Connect(t.Context())
			if row.dialled != "" {
				if err != nil || strings.Join(n.dialled, " ") != row.dialled {
					t.Fatalf("dialled %q, error %v, want %s", n.dialled, err, row.dialled)
				}
				return
			}
			refused, ok := errors.AsType[*netguard.Refused](err)
			if !ok || len(n.dialled) > 0 || refused.AskOwner != row.ask {
				t.Fatalf("dialled %q, error %v, want it refused before dialling, ask %t", n.dialled, err, row.ask)
			}
		})
	}
}

// guardFor gives a Guard for a real server on loopback.
func guardFor(t *testing.T, c netguard.Config) *netguard.Guard {
	t.Helper()
	g, err := netguard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.CloseIdle)
	return g
}

func TestOtherOriginsAreRefused(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the other origin was asked")
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		case "/as-get":
			http.Redirect(w, r, "/there", http.StatusSeeOther)
		case "/there":
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Method+" "+string(body))
		}
	}))
	defer server.Close()
	client := guardFor(t, netguard.Config{Origin: server.URL + "/v1"}).Client()

	if resp, err := client.Get(other.URL); err == nil {
		_ = resp.Body.Close()
		t.Error("another port of the same host was allowed")
	}
	for path, want := range map[string]string{"/away": "307 ", "/here": "200 POST words", "/as-get": "303 "} {
		resp, err := client.Post(server.URL+path, "text/plain", strings.NewReader("words"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := resp.Status[:4] + string(body); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestProxiesComeFromTheConfigOnly(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		_, _ = io.WriteString(w, "by proxy")
	}))
	defer proxy.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "direct")
	}))
	defer server.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		c    netguard.Config
		want string
	}{
		{netguard.Config{Origin: server.URL}, "direct"},
		{netguard.Config{Origin: "http://models.example.com", Proxy: proxyURL}, "by proxy"},
	} {
		resp, err := guardFor(t, row.c).Client().Get(row.c.Origin + "/v1")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != row.want {
			t.Errorf("got %q, want %q", body, row.want)
		}
	}
	if strings.Join(asked, " ") != "http://models.example.com/v1" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

func TestConnectTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		g, err := netguard.New(netguard.Config{Origin: "http://127.0.0.1:1", ConnectTimeout: 5 * time.Second, Dial: silent})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = g.Connect(t.Context())
		if late, ok := errors.AsType[net.Error](err); !ok || !late.Timeout() || time.Since(began) != 5*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		synctest.Wait()
	})
}

func TestTheNextAddressIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := netguard.New(netguard.Config{
			Origin: "https://api.example.com",
			Resolve: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("2a00::1"), netip.MustParseAddr("2a00::2"), netip.MustParseAddr("9.9.9.9")}, nil
			},
			Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
				switch address {
				case "[2a00::1]:443": // a route that swallows packets
					<-ctx.Done()
					return nil, ctx.Err()
				case "[2a00::2]:443":
					return nil, errors.New("no route")
				}
				a, b := net.Pipe()
				t.Cleanup(func() { _ = b.Close() })
				return a, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := g.Connect(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		synctest.Wait()
	})
}

func FuzzParseOrigin(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1:1234/v1", "https://[::1]", "http://a.b:080", "http://0x7f.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := netguard.ParseOrigin(s)
		if err != nil {
			return
		}
		again, err := netguard.ParseOrigin(o.String())
		if err != nil || again.String() != o.String() || again.Place() != o.Place() {
			t.Fatalf("%q became %s, and that %s, %v", s, o, again, err)
		}
	})
}
