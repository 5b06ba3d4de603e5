# What the tests and the demo need besides servers.

install_tools() {
    need cargo "to build everything"
    need python3 "for the dependency policy and the Python drivers"
    command -v openssl >/dev/null || system_packages openssl
    command -v curl >/dev/null || system_packages curl
    command -v ip >/dev/null || system_packages iproute2
}
