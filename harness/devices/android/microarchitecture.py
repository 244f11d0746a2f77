"""Names of microarchitectures by implementer and part of the main ID register, in hex: data.

Source: the table of util-linux's lscpu; in-order or not from the makers' descriptions.
"""

IN_ORDER = {
    "41:d01": "Cortex-A32",
    "41:d02": "Cortex-A34",
    "41:d03": "Cortex-A53",
    "41:d04": "Cortex-A35",
    "41:d05": "Cortex-A55",
    "41:d46": "Cortex-A510",
    "41:d80": "Cortex-A520",
    "41:d8a": "C1-Nano",
    "41:d8f": "Cortex-A320",
    "51:801": "Kryo 2xx Silver",
    "51:803": "Kryo 3xx Silver",
    "51:805": "Kryo 4xx Silver",
}
OUT_OF_ORDER = {
    "41:d07": "Cortex-A57",
    "41:d08": "Cortex-A72",
    "41:d09": "Cortex-A73",
    "41:d0a": "Cortex-A75",
    "41:d0b": "Cortex-A76",
    "41:d0d": "Cortex-A77",
    "41:d41": "Cortex-A78",
    "41:d44": "Cortex-X1",
    "41:d47": "Cortex-A710",
    "41:d48": "Cortex-X2",
    "41:d4b": "Cortex-A78C",
    "41:d4d": "Cortex-A715",
    "41:d4e": "Cortex-X3",
    "41:d81": "Cortex-A720",
    "41:d82": "Cortex-X4",
    "41:d85": "Cortex-X925",
    "41:d87": "Cortex-A725",
    "41:d8b": "C1-Pro",
    "41:d8c": "C1-Ultra",
    "41:d90": "C1-Premium",
    "51:001": "Oryon",
    "51:201": "Kryo",
    "51:205": "Kryo",
    "51:211": "Kryo",
    "51:800": "Kryo 2xx Gold",
    "51:802": "Kryo 3xx Gold",
    "51:804": "Kryo 4xx Gold",
}
