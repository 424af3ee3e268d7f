package faultproxy

import (
	"net/http"
	"strings"
)

// Operation is the name of the Blob operation that a request asks for, as the
// Storage REST reference has it without its spaces: PutBlob, ListContainers. One
// that durabatch does not use is named by its method and its comp.
func Operation(r *http.Request) string {
	query := r.URL.Query()
	comp := strings.ToLower(query.Get("comp"))
	switch strings.ToLower(query.Get("restype")) {
	case "container":
		if name := containerOperations[r.Method+" "+comp]; name != "" {
			return name
		}
	case "":
		if name := blobOperations[r.Method+" "+comp]; name != "" {
			return name
		}
	}
	return r.Method + comp
}

var containerOperations = map[string]string{
	"PUT ":         "CreateContainer",
	"DELETE ":      "DeleteContainer",
	"GET ":         "GetContainerProperties",
	"HEAD ":        "GetContainerProperties",
	"PUT metadata": "SetContainerMetadata",
	"GET list":     "ListBlobs",
}

var blobOperations = map[string]string{
	"PUT ":          "PutBlob",
	"GET ":          "GetBlob",
	"HEAD ":         "GetBlobProperties",
	"DELETE ":       "DeleteBlob",
	"PUT block":     "PutBlock",
	"PUT blocklist": "PutBlockList",
	"GET blocklist": "GetBlockList",
	"GET list":      "ListContainers",
}
