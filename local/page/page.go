// Package page is a web page that shows what runs on a Batch account: pools as
// maps of their nodes, jobs with their tasks by state, tasks, and the files of
// tasks and nodes. It only reads. The account's key stays here: the page's
// scripts ask this server, which asks the Batch service.
//
// Nothing is ever listed whole: of nodes, jobs and tasks there are pages, and
// counts come from the service's own, so that a job of a million tasks costs a
// look no more than one of ten.
package page

import (
	"embed"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/localbatch/sharedkey"
)

//go:embed web
var embedded embed.FS

// Options are what a page shows and where it links to.
type Options struct {
	BatchURL    string // endpoint of the Batch service
	AccountName string
	AccountKey  string // base64, as Azure shows it
	TemporalUI  string // address of Temporal's web UI, for links
	EnvFile     string // what a shell reads to reach the stack, for those who have run nothing yet
	Logger      *slog.Logger
}

// server answers the page's requests.
type server struct {
	batch *azbatch.Client
	about about
	log   *slog.Logger
}

// New makes the page's handler. It answers only requests that are addressed to
// loopback or localhost: under any other name a web page could read it by DNS
// rebinding.
func New(o Options) (http.Handler, error) {
	credential, err := sharedkey.New(o.AccountName, o.AccountKey)
	if err != nil {
		return nil, err
	}
	client, err := azbatch.NewClient(o.BatchURL, nil, &azbatch.ClientOptions{ClientOptions: azcore.ClientOptions{
		PerRetryPolicies: []policy.Policy{credential},
		Retry:            policy.RetryOptions{MaxRetries: -1}, // the page asks again each second
		Transport:        direct,
	}})
	if err != nil {
		return nil, err
	}
	web, err := fs.Sub(embedded, "web")
	if err != nil {
		return nil, err
	}
	s := &server{batch: client, about: about{TemporalUI: o.TemporalUI, EnvFile: o.EnvFile}, log: o.Logger}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(web))
	mux.Handle("GET /api/overview", s.json(s.overview))
	mux.Handle("GET /api/pools/{pool}/nodes", s.json(s.nodes))
	mux.Handle("GET /api/pools/{pool}/nodes/{node}", s.json(s.node))
	mux.Handle("GET /api/jobs/{job}/tasks", s.json(s.tasks))
	mux.Handle("GET /api/jobs/{job}/tasks/{task}", s.json(s.task))
	mux.Handle("GET /files/jobs/{job}/tasks/{task}/{file...}", s.file(s.taskFile))
	mux.Handle("GET /files/pools/{pool}/nodes/{node}/{file...}", s.file(s.nodeFile))
	return guard(mux), nil
}

// direct never goes through a proxy: the service is on this machine.
var direct = &http.Client{Transport: &http.Transport{
	DialContext: (&net.Dialer{}).DialContext, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
}}

// policyOfPage lets the page load what this server has and nothing else.
const policyOfPage = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard refuses names that are not this machine's, and tells browsers to trust
// no more than there is.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policyOfPage)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !isThisMachine(r.Host) {
			http.Error(w, "this page is reached as 127.0.0.1 or localhost alone", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isThisMachine(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	ip := net.ParseIP(name)
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}
