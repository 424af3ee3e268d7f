package workload

import (
	"regexp"
	"strings"
	"time"
)

func (c *check) checkPool(p *Pool) {
	c.checkIdentity(p)
	if c.has("pool.id") {
		c.checkOwnPool()
		return
	}
	if !c.has("pool.vmSize") {
		c.rule("pool.vmSize", "is required, unless id names a pool that exists", "pool.vmSize", "pool.id")
	}
	c.checkImage(&p.Image)
	if !c.has("pool.nodeAgentSku") {
		c.rule("pool.nodeAgentSku", `is required with image: the Batch node agent that fits it, such as "batch.node.ubuntu 24.04"`,
			"pool.nodeAgentSku", "pool.id")
	}
	if strings.HasPrefix(p.NodeAgentSKU, "batch.node.windows") {
		c.rule("pool.nodeAgentSku", "must be of a Linux image: commands are run by /bin/bash")
	}
	if p.DedicatedNodes+p.SpotNodes == 0 {
		c.rule("pool", "has no nodes; set dedicatedNodes, spotNodes or both above 0",
			"pool.dedicatedNodes", "pool.spotNodes", "pool.id")
	}
	if p.Lease != 0 && p.Lease < minLease {
		c.rule("pool.lease", "must be 10m or more: Batch looks at it every five minutes")
	}
	c.checkStartTask(p.StartTask)
}

// minLease is two of the intervals at which Batch evaluates a pool's formula,
// each five minutes (Batch REST reference, autoScaleEvaluationInterval).
const minLease = Duration(10 * time.Minute)

// checkOwnPool judges a pool that exists: it is used as it is.
func (c *check) checkOwnPool() {
	pool := c.root.member("pool")
	if pool == nil || pool.value.kind != object {
		return
	}
	for _, m := range pool.value.members {
		if m.key != "id" && m.key != "identity" {
			c.rule(join("pool", m.key), "cannot be beside id: a pool that exists is used as it is; leave it out")
		}
	}
}

var userAssignedIdentity = regexp.MustCompile(
	`(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+$`)

// checkIdentity judges the identity of a pool's nodes. The interface that
// creates the pools of runs cannot give them one (Azure Batch documentation,
// Configure managed identities in Batch pools: by the management plane alone).
func (c *check) checkIdentity(p *Pool) {
	if !c.has("pool.identity") {
		return
	}
	if !c.has("pool.id") {
		c.rule("pool.identity", "needs id, a pool of yours that has the identity: Azure lets no run give one to a pool that it creates",
			"pool.identity", "pool.id")
	}
	if !userAssignedIdentity.MatchString(p.Identity) {
		c.rule("pool.identity", "must be the resource id of a user-assigned managed identity: "+
			"/subscriptions/.../resourceGroups/.../providers/Microsoft.ManagedIdentity/userAssignedIdentities/...")
	}
}

var galleryImage = regexp.MustCompile(
	`(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/galleries/[^/]+/images/[^/]+(/versions/[^/]+)?$`)

func (c *check) checkImage(image *Image) {
	if c.has("pool.image.id") {
		for _, field := range []string{"pool.image.publisher", "pool.image.offer", "pool.image.sku", "pool.image.version"} {
			if c.has(field) {
				c.rule(field, "cannot be beside id: an image is one of the marketplace or one of a gallery", field, "pool.image.id")
			}
		}
		if !galleryImage.MatchString(image.ID) {
			c.rule("pool.image.id", "must be the resource id of a gallery image: "+
				"/subscriptions/.../resourceGroups/.../providers/Microsoft.Compute/galleries/.../images/...")
		}
		return
	}
	if !c.has("pool.image") {
		c.rule("pool.image", "is required: publisher, offer and sku of a marketplace image, or id of a gallery image",
			"pool.image", "pool.id")
		return
	}
	for _, field := range []string{"pool.image.publisher", "pool.image.offer", "pool.image.sku"} {
		if !c.has(field) {
			c.rule(field, "is required, unless id names a gallery image", field, "pool.image.id")
		}
	}
}

func (c *check) checkStartTask(s *StartTask) {
	if s == nil {
		return
	}
	c.checkPlain("pool.startTask.command", s.Command)
	c.checkScript("pool.startTask.command", template{{literal: s.Command}})
	c.checkEnvironment("pool.startTask.environment", s.Environment)
	c.checkResourceFiles("pool.startTask.resourceFiles", s.ResourceFiles)
}
