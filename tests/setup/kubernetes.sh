# A real kube-apiserver and kubectl 1.36.3, built by the ordinary Go client from tests/kubernetes/go.mod, and
# etcd from Debian: $CACHE/kubernetes-1.36.3/{kube-apiserver,kubectl,etcd}. Seven minutes on two cores the first
# time, at the lowest priority. KUBEBUILDER_ASSETS, when set, names a folder that has the three already.

KUBERNETES_VERSION=1.36.3
KUBERNETES=$CACHE/kubernetes-$KUBERNETES_VERSION

kubernetes_assets() { printf '%s\n' "${KUBEBUILDER_ASSETS:-$KUBERNETES}"; }

install_kubernetes() {
    local program
    if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
        for program in kube-apiserver kubectl etcd; do
            [ -x "$KUBEBUILDER_ASSETS/$program" ] ||
                die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS has no $program" "complete that folder, or unset KUBEBUILDER_ASSETS to have it built"
        done
        return
    fi
    mkdir -p "$KUBERNETES"
    if [ ! -x "$KUBERNETES/etcd" ]; then
        [ -e "$CACHE/etcd/.packages" ] || timed "download etcd" debian_tree bookworm "$CACHE/etcd" etcd-server
        debian_program "$CACHE/etcd" usr/bin/etcd "$KUBERNETES/etcd"
    fi
    for program in kube-apiserver kubectl; do
        [ -x "$KUBERNETES/$program" ] || { need go "to build $program"; timed "build $program $KUBERNETES_VERSION" kubernetes_build "$program"; }
    done
}

kubernetes_build() {
    local version=k8s.io/component-base/version
    cd "$TESTS/kubernetes"
    CGO_ENABLED=0 nice -n 19 go build -trimpath -o "$KUBERNETES/.$1.new" \
        -ldflags "-s -w -X $version.gitVersion=v$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=36 -X $version.gitTreeState=clean" \
        "k8s.io/kubernetes/cmd/$1"
    mv "$KUBERNETES/.$1.new" "$KUBERNETES/$1"
}
