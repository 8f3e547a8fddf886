package config

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCredentialsAreLeftOutOfWhatIsPrinted(t *testing.T) {
	f, _ := newHome(t).config(`{
  env: { OPENAI_API_KEY: "sk-1", vars: { DB_PASSWORD: "pw", LANG: "de" } },
  models: { providers: { box: {
    baseUrl: "http://ann:hunter2@10.0.0.5:1234/v1", apiKey: "sk-2",
    headers: { Authorization: "Bearer sk-3", "X-Title": "mine", "X-Other": "sk-12", "X-Named": "${OTHER}", "Anthropic-Version": "2023-06-01", "X-Ref": { source: "env", provider: "default", id: "A_TOKEN" } },
    request: { auth: { mode: "header", headerName: "X-Key", value: "sk-4" }, tls: { key: "sk-5", cert: "public", passphrase: 12345 } },
    models: [{ id: "m", name: "M", maxTokens: 100, compat: { maxTokensField: "max_tokens" }, headers: { "x-api-key": "sk-6" } }],
  }, ref: { baseUrl: "http://127.0.0.1:1", apiKey: { source: "file", provider: "safe", id: "/key" } }, named: { baseUrl: "http://127.0.0.1:2", apiKey: "${BOX_KEY}" }, bare: { baseUrl: "http://127.0.0.1:3", apiKey: "OLLAMA_API_KEY" },
    asked: { baseUrl: "https://example.com/v1?api-version=7&key=sk-13&sig=${SIG}#top",
      localService: { command: "/usr/bin/serve", args: ["--port", "8080", "--api-key", "sk-14", "-c", "4096", "--hf-token=sk-15", "Authorization: Bearer sk-16", "--token", "${HF_TOKEN}", "--max-tokens", "200", "https://ann:sk-17@example.com/m"] } } } },
  gateway: { auth: { mode: "token", token: "sk-7" } },
  channels: { telegram: { botToken: "sk-8", accounts: { a: { webhookSecret: "sk-9", passwords: "x" } } } },
}`)
	for path, want := range map[string]string{
		"env":                                         `{"OPENAI_API_KEY":"` + Mask + `","vars":{"DB_PASSWORD":"` + Mask + `","LANG":"de"}}`,
		"env.vars.DB_PASSWORD":                        Mask,
		"env.vars.LANG":                               "de",
		"models.providers.box.apiKey":                 Mask,
		"models.providers.box.baseUrl":                "http://ann:" + Mask + "@10.0.0.5:1234/v1",
		"models.providers.box.headers":                `{"Authorization":"` + Mask + `","X-Title":"mine","X-Other":"` + Mask + `","X-Named":"${OTHER}","Anthropic-Version":"2023-06-01","X-Ref":{"source":"env","provider":"default","id":"A_TOKEN"}}`,
		"models.providers.box.request":                `{"auth":{"mode":"header","headerName":"X-Key","value":"` + Mask + `"},"tls":{"key":"` + Mask + `","cert":"public","passphrase":"` + Mask + `"}}`,
		"models.providers.box.models":                 `[{"id":"m","name":"M","maxTokens":100,"compat":{"maxTokensField":"max_tokens"},"headers":{"x-api-key":"` + Mask + `"}}]`,
		"models.providers.ref.apiKey":                 `{"source":"file","provider":"safe","id":"/key"}`,
		"models.providers.ref.apiKey.id":              "/key",
		"models.providers.named.apiKey":               "${BOX_KEY}",
		"models.providers.bare.apiKey":                "OLLAMA_API_KEY",
		"models.providers.asked.baseUrl":              "https://example.com/v1?api-version=7&key=" + Mask + "&sig=${SIG}#top",
		"models.providers.asked.localService.args":    `["--port","8080","--api-key","` + Mask + `","-c","4096","--hf-token=` + Mask + `","Authorization: ` + Mask + `","--token","${HF_TOKEN}","--max-tokens","200","https://ann:` + Mask + `@example.com/m"]`,
		"models.providers.asked.localService.args[3]": Mask,
		"models.providers.asked.localService.args[1]": "8080",
		"gateway":           `{"auth":{"mode":"token","token":"` + Mask + `"}}`,
		"channels.telegram": `{"botToken":"` + Mask + `","accounts":{"a":{"webhookSecret":"` + Mask + `","passwords":"` + Mask + `"}}}`,
		"models.providers.box.models[0].headers.x-api-key": Mask,
	} {
		v, err := f.Get(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Masked().Text(); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", path, got, want)
		}
	}
}

func TestALineThatDoesNotParseIsShownWithoutItsCredentials(t *testing.T) {
	for line, want := range map[string]string{
		`{p: {baseUrl: "http://127.0.0.1/v1" apiKey: "short"}}`: `{p: {baseUrl: "http://127.0.0.1/v1" apiKey: *******}}`,
		`"botToken" "12:ab", next: 1`:                           `"botToken" *******, next: 1`,
		`apiKey: sk-abc, x`:                                     `apiKey: ******, x`,
		`“password”: “älter”, x`:                                `“password”: *******, x`,
		`Authorization: "Bearer a b c`:                          `Authorization: *************`,
		`apiKey: "${KEY}" x: 1`:                                 `apiKey: "${KEY}" x: 1`,
		`maxTokens: 8192 contextTokens: 16_384`:                 `maxTokens: 8192 contextTokens: 16_384`,
		`token: { source: "env" id: "X" }`:                      `token: { source: "env" id: "X" }`,
		`x: "sk-CANARYCANARY1234567890abcdef"`:                  `x: "*******************************"`,
		`u: "http://me:pass@host/v1"`:                           `u: "**********************"`,
		`["--api-key","CANARY12" "x"]`:                          `["--api-key",********** "x"]`,
		`botToken: 123456:AA_tok, x`:                            `botToken: *************, x`,
		`apiKey: /*c*/ "CANARY" x`:                              `apiKey: /*c*/ ******** x`,
		`secrets: { token`:                                      `secrets: { token`,
		`just: words`:                                           `just: words`,
	} {
		got := hideSecrets(line)
		if got != want || utf8.RuneCountInString(got) != utf8.RuneCountInString(line) {
			t.Errorf("%s\n is shown as\n%s\n and not\n%s", line, got, want)
		}
	}
}

func TestTheSentenceAboutALineNamesNoCredentialEither(t *testing.T) {
	h := newHome(t)
	for text, want := range map[string]string{
		`{models:{providers:{p:{apiKey:sk-CANARYlonekey1234567890}}}}`: "needs quotes",
		`{"sk-CANARYlonekey1234567890"}`:                               "should follow the key",
	} {
		f, warnings := h.config(text)
		all := f.Broken.Error()
		for _, w := range warnings {
			all += w.String()
		}
		for _, i := range f.Issues() {
			all += i.String()
		}
		if strings.Contains(all, "CANARY") || !strings.Contains(all, want) {
			t.Errorf("%s: %s", text, all)
		}
	}
}
