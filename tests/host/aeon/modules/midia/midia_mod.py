from modules.base_module import AeonModule


class MidiaModule(AeonModule):
    def __init__(self, core_context):
        super().__init__(core_context)
        self.name = "Midia"
        self.triggers = [
            "anterior",
            "avancar",
            "continuar",
            "next",
            "pausar",
            "play",
            "proxima",
            "toca",
            "tocar",
            "voltar",
        ]

    def process(self, command):
        return f"Midia: {command}"
