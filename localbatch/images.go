package localbatch

import (
	"fmt"
	"net/http"
)

type supportedImage struct {
	NodeAgentSKUID   string         `json:"nodeAgentSKUId"`
	ImageReference   imageReference `json:"imageReference"`
	OSType           string         `json:"osType"`
	Capabilities     []string       `json:"capabilities,omitempty"`
	VerificationType string         `json:"verificationType"`
}

// images are marketplace images that Batch supports. A pool here may name any
// other: its nodes are this machine whatever it says.
var images = []supportedImage{
	linuxImage("batch.node.ubuntu 24.04", "canonical", "ubuntu-24_04-lts", "server"),
	linuxImage("batch.node.ubuntu 24.04", "canonical", "ubuntu-24_04-lts", "server-gen1"),
	linuxImage("batch.node.ubuntu 22.04", "canonical", "0001-com-ubuntu-server-jammy", "22_04-lts"),
	linuxImage("batch.node.debian 12", "debian", "debian-12", "12"),
	linuxImage("batch.node.el 9", "almalinux", "almalinux-x86_64", "9-gen2"),
}

func linuxImage(agent, publisher, offer, sku string) supportedImage {
	return supportedImage{
		NodeAgentSKUID:   agent,
		ImageReference:   imageReference{Publisher: publisher, Offer: offer, SKU: sku, Version: "latest"},
		OSType:           "linux",
		VerificationType: "verified",
	}
}

func (i supportedImage) property(name string) any {
	return map[string]any{
		"osType": i.OSType, "verificationType": i.VerificationType, "nodeAgentSKUId": i.NodeAgentSKUID,
	}[name]
}

func (s *Service) supportedImages(r *http.Request) (reply, error) {
	list, err := parseList(r, fields{"osType": choiceKind, "verificationType": choiceKind, "nodeAgentSKUId": choiceKind})
	if err != nil {
		return reply{}, err
	}
	var items []listed
	for n, image := range images {
		items = append(items, listed{fmt.Sprintf("%04d", n), image, image.property})
	}
	return s.pageOf(r, "supportedimages", list, items)
}
