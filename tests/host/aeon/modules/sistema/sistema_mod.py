from modules.base_module import AeonModule


class SistemaModule(AeonModule):
    def __init__(self, core_context):
        super().__init__(core_context)
        self.name = "Sistema"
        self.triggers = ["sistema", "status", "sair", "parar", "fechar", "qual", "instalar", "listar modulos",
                         "modulos", "modo oculto", "desligar", "online", "offline", "exit"]  # fmt: skip

    def process(self, command):
        manager = self.core_context["module_manager"]
        if manager.focused_module is self:
            manager.release_focus()
            return "Saindo." if command.lower() == "sim" else "Então fico."
        said = command.lower()
        if "modo oculto" in said:
            return self._toggle()
        if "sair" in said or "parar" in said:
            manager.lock_focus(self)
            return "Quer sair? (sim/não)"
        return f"Sistema: {command}" if "qual" not in said else ""

    def _toggle(self):
        context = self.core_context.get("context_manager")
        if not context:
            return "Gerenciador de contexto não encontrado."
        on = not context.get("stealth_mode", False)
        context.set("stealth_mode", on)
        return "Oculto ligado." if on else "Oculto desligado."
